"""How well blurred frames of a film are told from sharp ones, and marks from scenes, on the drives of CamVid.

    python benchmarks/footage.py /path/to/camvid
    python benchmarks/footage.py --write docs/results.md

Each drive is a film of which one frame in ten was blurred by a straight motion of 5, 9 or 15 px at any angle;
ten such films a seed blur every frame once. The same is asked with a date laid over all frames, and once of a
film in H.264, through the whole import. Intervals are Wilson's, 95 %,
for as many frames as the drive has; those are alike.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from result_tables import write_tables

from synth.dataset.imports.video import import_video
from synth.dataset.imports.video_job import VideoSettings
from synth.dataset.imports.video_looks import BLURRED_Z, count_bits_apart, difference_hash, measure_sharpness
from synth.dataset.imports.video_marks import MIN_BITS_MOVED, Constancy, cover

Grey = NDArray[np.uint8]
Line = dict[str, Any]

DRIVES = ("0001TP", "0006R0", "0016E5")
LENGTHS_PX, SEEDS, N_FOLDS = (5, 9, 15), (0, 1, 2), 10
RESULTS = Path(__file__).parent / "results" / "footage.jsonl"
MARKS = "<!-- benchmarks/footage.py -->", "<!-- end of footage -->"
_DATE, _LAPLACIAN_LIMIT = "2026-11-29 CAM 12:34:56", 100.0


def laplacian(grey_u8: Grey) -> float:
    """Log variance of the Laplacian, the usual measure."""
    return float(np.log(cv2.Laplacian(grey_u8, cv2.CV_32F).var() + 1e-3))


def below_median(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """More than three robust deviations below the film's median."""
    away = values - np.median(values)
    return np.asarray(away < BLURRED_Z * 1.4826 * np.median(np.abs(away)))


Rule = Callable[[NDArray[np.float64]], NDArray[np.bool_]]
WAYS: Mapping[str, tuple[Callable[[Grey], float], Rule]] = {
    "synth": (measure_sharpness, below_median),
    "Laplacian, film's own": (laplacian, below_median),
    "Laplacian below 100": (laplacian, lambda values: values < np.log(_LAPLACIAN_LIMIT)),
}


def motion_kernel(length_px: int, angle_rad: float) -> NDArray[np.float32]:
    """The weights of a straight motion."""
    side = 2 * length_px + 1
    canvas = np.zeros((side, side), np.float32)
    for along in np.linspace(-(length_px - 1) / 2, (length_px - 1) / 2, 8 * length_px):
        place = length_px + along * np.cos(angle_rad), length_px + along * np.sin(angle_rad)
        canvas += np.outer(*(np.maximum(0, 1 - np.abs(np.arange(side) - p)) for p in place[::-1]))
    return canvas / canvas.sum()


def blur(frame: Grey, length_px: int, rng: np.random.Generator) -> Grey:
    """A frame [H,W] or [H,W,3], moved at any angle."""
    kernel = motion_kernel(length_px, rng.uniform(0, np.pi))
    return np.asarray(cv2.filter2D(frame, -1, kernel), np.uint8)


def stamp(grey_u8: Grey) -> Grey:
    """A frame with a date laid over it."""
    stamped = grey_u8.copy()
    cv2.putText(stamped, _DATE, (20, 340), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 3)
    cv2.putText(stamped, _DATE, (20, 340), cv2.FONT_HERSHEY_SIMPLEX, 1, 0, 1)
    return stamped


def ask_of_drive(drive: str, frames: list[Grey], is_stamped: bool) -> Iterator[Line]:
    """What each way finds and loses of one drive."""
    finish = stamp if is_stamped else np.asarray
    sharp = {way: np.array([measure(finish(f)) for f in frames]) for way, (measure, _) in WAYS.items()}
    for length_px in LENGTHS_PX:
        found, lost = dict.fromkeys(WAYS, 0), dict.fromkeys(WAYS, 0)
        for seed in SEEDS:
            rng = np.random.default_rng((seed, length_px))
            fold_of = rng.permutation(len(frames)) % N_FOLDS
            moved = [finish(blur(f, length_px, rng)) for f in frames]
            for way, (measure, rule) in WAYS.items():
                planted = np.array([measure(f) for f in moved])
                for fold in range(N_FOLDS):
                    is_planted = fold_of == fold
                    told = rule(np.where(is_planted, planted, sharp[way]))
                    found[way] += int(told[is_planted].sum())
                    lost[way] += int(told[~is_planted].sum())
        n = len(frames) * len(SEEDS)
        for way in WAYS:
            yield {
                "part": "blur", "drive": drive, "length_px": length_px, "stamped": is_stamped, "way": way,
                "n_planted": n, "found": found[way], "n_sharp": n * (N_FOLDS - 1), "lost": lost[way],
            }  # fmt: skip


def ask_of_marks(drive: str, frames: list[Grey], is_stamped: bool) -> Line:
    """How much of a drive's pictures is said to stay."""
    constancy, last = Constancy(), None
    for frame in frames:
        shown = stamp(frame) if is_stamped else frame
        code = difference_hash(shown)
        if last is None or count_bits_apart(code, last) >= MIN_BITS_MOVED:
            constancy.add(shown)
            last = code
    edges = constancy.find_edges()
    line: Line = {"part": "marks", "drive": drive, "stamped": is_stamped, "n_moved": constancy.n}
    if edges is None:
        return line
    mask = cover(edges)
    letters = stamp(np.zeros_like(frames[0])) > 0
    near = cv2.dilate(letters.astype(np.uint8), np.ones((21, 21))) > 0
    return {**line, "letters": float(mask[letters].mean()), "elsewhere": float((mask & ~near).mean())}


def ask_of_film(drive: str, pictures: list[Path]) -> Line:
    """The same through an H.264 film and the whole import; blur of 9 px in one frame of ten."""
    import av

    rng = np.random.default_rng(0)
    planted = set(np.flatnonzero(rng.permutation(len(pictures)) % N_FOLDS == 0).tolist())
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / f"{drive}.mp4"
        with av.open(str(film), "w") as container:
            stream: Any = container.add_stream("libx264", rate=Fraction(1), options={"crf": "23"})
            stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
            for i, path in enumerate(pictures):
                bgr = np.asarray(cv2.imread(str(path)), np.uint8)
                shown = blur(bgr, 9, rng) if i in planted else bgr
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="bgr24")))
            container.mux(stream.encode())
        began = time.process_time()
        import_video(VideoSettings(film, Path(folder) / "out", every_s=1.0, as_it_is=True, gap_s=0.0))
        windows = json.loads((Path(folder) / "out/films/000.json").read_text())["windows"]
    told = {round(w["t_s"]) for w in windows if w.get("reason") == "blurred"}
    return {
        "part": "film", "drive": drive, "n_frames": len(windows), "n_planted": len(planted),
        "found": len(told & planted), "n_sharp": len(windows) - len(planted), "lost": len(told - planted),
        "cpu_s": round(time.process_time() - began, 1),
    }  # fmt: skip


def measure_all(data: Path) -> Iterator[Line]:
    """Every line, drive by drive."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    yield {"part": "about", "commit": commit.stdout.strip(), "date": time.strftime("%Y-%m-%d")}
    for drive in DRIVES:
        pictures = sorted((data / "images").glob(f"{drive}*"))
        frames = [np.asarray(cv2.imread(str(p), cv2.IMREAD_GRAYSCALE), np.uint8) for p in pictures]
        for is_stamped in (False, True):
            yield from ask_of_drive(drive, frames, is_stamped)
            yield ask_of_marks(drive, frames, is_stamped)
        yield ask_of_film(drive, pictures)


def say_share(k: int, n: int, n_frames: int) -> str:
    """A share in per cent with Wilson's interval for so many different frames."""
    z, p = 1.96, k / n
    middle = (p + z * z / (2 * n_frames)) / (1 + z * z / n_frames)
    half = z * np.sqrt(p * (1 - p) / n_frames + z * z / (4 * n_frames**2)) / (1 + z * z / n_frames)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{100 * p:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def say_tables(lines: list[Line]) -> str:
    """Tables of what was found, in Markdown."""
    about = next(line for line in lines if line["part"] == "about")
    rows = [
        "| drive, frames | date laid over | by | 5 px found, % | 9 px | 15 px | sharp lost, % |",
        "|---" * 7 + "|",
    ]
    for drive in DRIVES:
        for is_stamped in (False, True):
            for way in WAYS:
                own = [
                    x for x in lines
                    if x["part"] == "blur"
                    and (x["drive"], x["stamped"], x["way"]) == (drive, is_stamped, way)
                ]  # fmt: skip
                n = own[0]["n_planted"] // len(SEEDS)
                found = " | ".join(say_share(x["found"], x["n_planted"], n) for x in own)
                lost = say_share(sum(x["lost"] for x in own), sum(x["n_sharp"] for x in own), n)
                rows.append(f"| {drive}, {n} | {'yes' if is_stamped else ''} | {way} | {found} | {lost} |")
    rows += [
        "",
        "| drive | frames that moved | date's letters found, % | elsewhere, % of the picture |",
        "|---" * 4 + "|",
    ]
    for x in (x for x in lines if x["part"] == "marks"):
        letters = f"{100 * x['letters']:.1f}" if x["stamped"] else ""
        rows.append(f"| {x['drive']} | {x['n_moved']} | {letters} | {100 * x['elsewhere']:.2f} |")
    rows += [
        "",
        "| H.264 film, whole import | blurred by 9 px, found | sharp lost | CPU s without the child |",
        "|---" * 4 + "|",
    ]
    for x in (x for x in lines if x["part"] == "film"):
        found, lost = f"{x['found']} of {x['n_planted']}", f"{x['lost']} of {x['n_sharp']}"
        rows.append(f"| {x['drive']} | {found} | {lost} | {x['cpu_s']} |")
    return "\n".join(["", *rows, "", f"Commit {about['commit']}, {about['date']}.", ""])


def main() -> None:
    """Measure, or write the tables of what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", help="the folder of CamVid")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", type=Path, help="a document with the marks")
    given = parser.parse_args()
    if given.data is not None:
        given.results.parent.mkdir(exist_ok=True)
        with given.results.open("w", encoding="utf-8") as file:
            for line in measure_all(given.data):
                print(json.dumps(line), file=file, flush=True)
    tables = say_tables([json.loads(text) for text in given.results.read_text().splitlines()])
    print(tables)
    if given.write is not None:
        write_tables(given.write, tables, MARKS)


if __name__ == "__main__":
    main()

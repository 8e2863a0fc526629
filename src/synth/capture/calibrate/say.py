"""What the terminal says of a calibration."""

from math import degrees
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synth.terminal import SIMULATED


def list_figures(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a result, as a person reads them."""
    held, noise, K = result["held_out"], result["noise"], result["K"]
    lens = "solved" if result["lens_is_solved"] else "as given"
    normal = []
    if result["normal_sigma_deg"] is not None:
        value = f"off by {result['normal_sigma_deg']:.3f}° through camera and arm"
        normal = [("a normal label", value)]
    return [
        ("known to", f"{result['sigma_mm']:.2f} mm and {result['sigma_deg']:.3f}° (one standard deviation)"),
        ("by bootstrap", f"{result['bootstrap_mm']:.2f} mm and {result['bootstrap_deg']:.3f}°"),
        *normal,
        ("corners", f"{result['rms_px']:.2f} px root mean square ({result['rms_axis_px']:.2f} px an axis)"),
        (
            "held-out views",
            f"{held['px']:.2f} px, {held['mm']:.2f} mm on the board ({held['n_views']} of "
            f"{result['n_views']} views)",
        ),
        (
            "the arm's readings",
            f"stray by {1000 * noise['tool_m']:.2f} mm and {degrees(noise['tool_rad']):.3f}° an axis",
        ),
        ("lens", f"{lens}: fx {K[0][0]:.1f}, fy {K[1][1]:.1f}, cx {K[0][2]:.1f}, cy {K[1][2]:.1f} px"),
        *(
            (
                f"depth, {row['near_m']:.1f} to {row['far_m']:.1f} m",
                f"{row['bias_mm']:+.1f} mm off the board's plane (spread {row['spread_mm']:.1f} mm, "
                f"views: {row['n_views']})",
            )
            for row in result["depth"]
        ),
    ]


def not_good_enough(result: dict[str, Any]) -> str:
    """The first words on a result that the gates refuse."""
    return f"not good enough to label: {'; '.join(result['refusals'])}."


def print_result(result: dict[str, Any], console: Console) -> None:
    """Whether a result is not good enough, its figures, what was left out of it and why."""
    if result["refusals"]:
        console.print(not_good_enough(result), soft_wrap=True)
    banner = (SIMULATED,) if result["simulated"] else ()
    name = "T_base_cam" if result["eye"] == "to-hand" else "T_tool_cam"
    console.print(*banner, Text(name, "bold"), f"from {result['n_views']} views")
    for row in result[name]:
        console.print("  [" + ", ".join(f"{value: .8f}" for value in row) + "]")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for figure in list_figures(result):
        table.add_row(*figure)
    console.print(table)
    for view, error in result["outliers"].items():
        console.print(f"Left out: {view} contradicts the others by {error:.1f} px.")
    for view, reason in result["left_out"].items():
        console.print(f"Left out: {view} {reason}.")

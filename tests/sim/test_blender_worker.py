"""Workers come, go and fail without leaving anything behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import open3d as o3d
import psutil
import pytest
import trimesh
from blender_scene import IDEAL, make_scene

from synth.errors import InputError, RendererError
from synth.geometry import se3
from synth.sim import blender, blender_worker
from synth.sim.blender import Blender, Quality, probe
from synth.sim.scene import Finish, SceneBody

pytestmark = pytest.mark.slow

TINY = (80, 50, 90, 60)
BLOCK_M = np.array([0.06, 0.04, 0.03])
ROOM_M, WALL_M = 0.14, 0.01


def write_mesh(path, mesh):
    np.savez(
        path,
        vertices_m=mesh.vertices.astype(np.float32),
        triangles=mesh.faces.astype(np.int32),
        smooth=np.bool_(False),
    )


@pytest.fixture(scope="module")
def meshes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meshes")
    write_mesh(folder / "ball.npz", trimesh.creation.icosphere(3, 0.05))
    write_mesh(folder / "block.npz", trimesh.creation.box(BLOCK_M))
    write_mesh(folder / "tray.npz", tray())
    return folder


def tray():
    """An open box standing on z = 0, its inside ROOM_M wide and as high."""
    outside = trimesh.creation.box([ROOM_M + 2 * WALL_M] * 2 + [ROOM_M])
    outside.apply_translation([0, 0, ROOM_M / 2])
    inside = trimesh.creation.box([ROOM_M, ROOM_M, ROOM_M])
    inside.apply_translation([0, 0, ROOM_M / 2 + WALL_M])
    return trimesh.boolean.difference([outside, inside])


def body(mesh, T):
    return SceneBody(
        name=mesh, mesh=mesh, T_base_body=np.asarray(T).tolist(), finish=Finish(colour_rgb=(9, 9, 9))
    )


def is_gone(pid, within_s=5.0):
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def scratch_of(running):
    """The folder of the worker that runs now."""
    return Path(running._running().hello["scratch"])


# Speaks like a worker; what it does stands in the scene's name.
STUB = """
import json, os, sys, tempfile, time
import numpy as np
scratch = tempfile.mkdtemp(prefix="synth_blender_")
print("some word of Blender's", file=sys.stderr)
print("BlenderProc speaks before its worker does", flush=True)
hello = {"versions": {"bpy": "4", "blenderproc": "2"}, "devices": ["Card (OPTIX)"], "scratch": scratch}
print(json.dumps({"ok": True, **hello}), flush=True)
for line in sys.stdin:
    name = json.loads(line)["scene"]["name"]
    if name == "hang":
        time.sleep(60)
    if name == "crash":
        print("Segmentation fault", file=sys.stderr)
        sys.exit(11)
    if name == "wrong":
        print(json.dumps({"ok": False, "error": "OSError: no room"}), flush=True)
        continue
    np.savez(scratch + "/render.npz", rgb_0=np.zeros((10, 10, 3), np.float32))
    answer = {"out": scratch + "/render.npz", "seconds": 0.1, "rss_mb": 500.0}
    print(json.dumps({"ok": True, **answer}), flush=True)
"""


@pytest.fixture
def stubbed(monkeypatch):
    """Workers are stand-ins that start at once."""
    monkeypatch.setattr(blender, "make_command", lambda program: lambda folder: [sys.executable, "-c", STUB])


def ask(running, name="000000"):
    return running.render(make_scene().model_copy(update={"name": name}), IDEAL, TINY, Quality(1))


def test_a_worker_is_exchanged_by_count(stubbed, meshes):
    """After max_scenes requests the next one has a fresh process."""
    with Blender(meshes, max_scenes=3) as running:
        pids = []
        for _ in range(6):
            running.made_by  # noqa: B018 - starts one if none runs.
            pids.append(running.worker_pid)
            ask(running)
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4] == pids[5]


def test_a_worker_is_exchanged_by_memory(stubbed, meshes):
    """Above max_rss_mb it is ended at once, below it stays."""
    with Blender(meshes, max_rss_mb=499) as small, Blender(meshes, max_rss_mb=501) as large:
        ask(small)
        ask(large)
        assert small.worker_pid is None
        assert large.worker_pid is not None


def test_a_hanging_worker_is_ended(stubbed, meshes):
    """Past the deadline it is killed, the error says so, and the next request has another."""
    with Blender(meshes, deadline_s=0.5) as running:
        ask(running)
        pid, scratch = running.worker_pid, scratch_of(running)
        with pytest.raises(RendererError, match=r"no answer within 0\.5 s"):
            ask(running, "hang")
        assert is_gone(pid)
        ask(running)
        assert running.worker_pid != pid
        assert not scratch.exists()


def test_a_crash_is_one_sentence_with_the_last_words(stubbed, meshes):
    """The exit code and what was said last, without a traceback."""
    with Blender(meshes) as running, pytest.raises(RendererError, match=r"code 11.*Segmentation fault"):
        ask(running, "crash")


def test_what_a_worker_refuses_is_one_sentence(stubbed, meshes):
    """Its reason reaches the caller, and it lives on."""
    with Blender(meshes) as running:
        with pytest.raises(RendererError, match="could not render: OSError: no room"):
            ask(running, "wrong")
        pid = running.worker_pid
        ask(running)
        assert running.worker_pid == pid


def test_ctrl_c_ends_the_worker(stubbed, meshes):
    """An exception in the host leaves neither process nor folder."""
    try:
        with Blender(meshes) as running:
            ask(running)
            pid, scratch = running.worker_pid, scratch_of(running)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert is_gone(pid)
    assert not scratch.exists()


def test_probe_names_blender_and_what_it_renders_on(stubbed):
    """Rows for `synth doctor` come from a worker that really started."""
    assert probe() == [
        ("Blender", "4, BlenderProc 2", "ok", ""),
        ("Rendering on", "Card (OPTIX)", "ok", ""),
    ]


def test_a_killed_blender_is_one_sentence_and_the_next_request_has_another(meshes):
    """SIGKILL on a real worker raises RendererError; the same object then renders the same picture."""
    with Blender(meshes) as running:
        with pytest.raises(RendererError, match=r"nothing\.npz") as caught:
            running.render(make_scene(bodies=("nothing",)), IDEAL, TINY, Quality(1))
        assert "Traceback" not in str(caught.value)
        first, pid = ask(running), running.worker_pid
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RendererError, match="killed by signal 9"):
            ask(running)
        assert np.array_equal(ask(running).rgb, first.rgb)
        assert running.worker_pid != pid


HOST = """
import sys, blender_scene as t
from pathlib import Path
from synth.sim.blender import Blender, Quality
with Blender(Path(sys.argv[1])) as blender:
    blender.made_by
    print(blender.worker_pid, blender._running().hello['scratch'], flush=True)
    blender.render(t.make_scene(), t.IDEAL, t.WHOLE, Quality(1_000_000, denoiser=None))
"""


def test_a_worker_dies_with_its_host(meshes):
    """SIGKILL on the host in the middle of a render: no process and no scratch folder stays."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(meshes)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    pid, scratch = host.stdout.readline().split()
    time.sleep(1.0)
    host.kill()
    host.wait()
    assert is_gone(int(pid))
    assert not Path(scratch).exists()


def test_dropped_blocks_come_to_rest_in_their_tray(meshes):
    """Every block ends up inside, in no other body, and stays where it is when physics goes on."""
    rng = np.random.default_rng(2)
    starts = []
    for i in range(5):
        T = np.eye(4)
        T[:3, :3] = trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
        T[:3, 3] = *rng.uniform(-0.02, 0.02, 2), 0.08 + 0.08 * i
        starts.append(T)
    walls = [body("tray", np.eye(4))]
    with Blender(meshes) as running:
        rest = running.settle([body("block", T) for T in starts], walls)
        again = running.settle([body("block", T) for T in starts], walls)
        later = running.settle([body("block", T) for T in rest], walls)
    assert np.array_equal(rest, again)
    block = trimesh.creation.box(BLOCK_M)
    corners = [se3.transform(T, block.vertices) for T in rest]
    for points in corners:
        assert np.abs(points[:, :2]).max() < ROOM_M / 2 + 0.001
        assert points[:, 2].min() > WALL_M - 0.001
        assert points[:, 2].min() < WALL_M + 0.12
    assert max(np.linalg.norm(np.subtract(a, b)[:3, 3]) for a, b in zip(rest, later, strict=True)) < 0.003
    for T in rest:
        np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-5)
    for i, T in enumerate(rest):
        solid = o3d.t.geometry.RaycastingScene()
        solid.add_triangles(
            se3.transform(T, block.vertices).astype(np.float32), block.faces.astype(np.uint32)
        )
        for j, points in enumerate(corners):
            if i != j:
                assert solid.compute_signed_distance(points.astype(np.float32)).numpy().min() > -0.001


def test_without_blender_there_is_one_sentence(meshes, monkeypatch):
    """It names the package to install, before anything starts."""
    monkeypatch.setattr(blender_worker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"install .*\[render\]"):
        Blender(meshes)
    (row,) = probe()
    assert row[:3] == ("Blender", "none", "note")

"""Make the part and the mount of the default cell: `python scripts/make_default_part.py`.

Both are cut from solids by boolean operations (manifold3d, a development dependency) and written as binary
STL in millimetres. The bracket stands on its origin, z up; its main face is the plane z = 22 around (0, 0).
The mount fills z = −45 (the flange, ISO 9409-1-50) to 0 (where it meets the part).
"""

from pathlib import Path

import trimesh
from manifold3d import CrossSection, Manifold, OpType

FOLDER = Path(__file__).parents[1] / "src" / "synth" / "cell" / "default"
SEGMENTS = 120
OVERSHOOT = 0.5


def cylinder(
    x: float, y: float, z_low: float, z_high: float, d_low: float, d_high: float | None = None
) -> Manifold:
    """An upright cylinder, or a cone when the upper diameter differs."""
    top = d_low if d_high is None else d_high
    return Manifold.cylinder(z_high - z_low, d_low / 2, top / 2, SEGMENTS).translate((x, y, z_low))


def rounded(width: float, height: float, radius: float) -> CrossSection:
    """A rectangle around the origin with round corners."""
    core = CrossSection.square((width - 2 * radius, height - 2 * radius), center=True)
    return core.offset(radius, circular_segments=SEGMENTS)


def slab(outline: CrossSection, z_low: float, z_high: float) -> Manifold:
    return outline.extrude(z_high - z_low).translate((0, 0, z_low))


def hull(*rings: tuple[CrossSection, float]) -> Manifold:
    """The convex hull of outlines, each at its height."""
    points = [(x, y, z) for section, z in rings for polygon in section.to_polygons() for x, y in polygon]
    return Manifold.hull_points(points)


def grown(outline: CrossSection, by: float) -> CrossSection:
    return outline.offset(by, circular_segments=SEGMENTS)


def chamfered(outline: CrossSection, z_low: float, z_high: float, chamfer: float) -> Manifold:
    """A convex outline extruded, its upper edge broken by a 45° chamfer."""
    return hull((outline, z_low), (outline, z_high - chamfer), (grown(outline, -chamfer), z_high))


def pocketed(outline: CrossSection, z_floor: float, z_top: float, chamfer: float) -> Manifold:
    """What a milled pocket removes: a convex outline with upright walls and a 45° chamfer at its mouth."""
    mouth = grown(outline, chamfer + OVERSHOOT)
    return slab(outline, z_floor, z_top + OVERSHOOT) + hull(
        (outline, z_top - chamfer), (mouth, z_top + OVERSHOOT)
    )


def countersunk(x: float, y: float, z_top: float, hole: float, head: float) -> Manifold:
    """A through hole with a 90° countersink."""
    depth = (head - hole) / 2
    sink = cylinder(x, y, z_top - depth, z_top + OVERSHOOT, hole, head + 2 * OVERSHOOT)
    return cylinder(x, y, -OVERSHOOT, z_top + OVERSHOOT, hole) + sink


def drilled(x: float, y: float, z_top: float, hole: float, depth: float) -> Manifold:
    """A blind hole with a drill point and a broken edge."""
    point = cylinder(x, y, z_top - depth - hole * 0.3, z_top - depth, 0.01, hole)
    edge = cylinder(x, y, z_top - 0.5, z_top + OVERSHOOT, hole, hole + 1 + 2 * OVERSHOOT)
    return point + cylinder(x, y, z_top - depth, z_top + OVERSHOOT, hole) + edge


def make_bracket() -> Manifold:
    """An 80 × 60 × 22 mm bracket with a boss; no rotation or mirroring maps it to itself."""
    outline = rounded(80, 60, 4) - CrossSection([[(41, 17), (41, 31), (27, 31)]])
    block = chamfered(outline, 0, 22, 0.8).trim_by_plane((-1, 0, 0), -22)
    edge = Manifold.cube((2, 70, 2), center=True).rotate((0, 45, 0)).translate((22 + 0.6, 0, 22 + 0.6))
    plate = chamfered(outline, 0, 11, 0.8)
    boss = cylinder(-26, 14, 10, 29, 22) + cylinder(-26, 14, 29, 30, 22, 20)
    rib = Manifold.extrude(CrossSection([[(20, 10), (37, 10), (37, 12.5), (24, 20), (20, 20)]]), 6)
    rib = rib.rotate((90, 0, 0)).translate((0, -1, 0))
    solid = plate + (block - edge) + boss + rib

    pocket = pocketed(rounded(19, 20, 4).translate((-25.5, -15)), 12, 22, 0.6)
    bore = cylinder(-26, 14, -OVERSHOOT, 31, 12) + cylinder(-26, 14, 29.2, 30 + OVERSHOOT, 12, 14.6)
    bore += cylinder(-26, 14, 24, 31, 15)
    slot = CrossSection.circle(4.5, SEGMENTS).translate((11, -24)) + CrossSection.square((9, 12)).translate(
        (6.5, -36)
    )
    cuts = [
        pocket,
        bore,
        slab(slot, -OVERSHOOT, 23),
        countersunk(31.5, -17.5, 11, 6.6, 12.6),
        countersunk(30.5, 9, 11, 4.5, 9.0),
        drilled(12, 23.5, 22, 5.0, 12),
        drilled(-3, 23.5, 22, 5.0, 12),
        drilled(-9, -23.5, 22, 3.3, 9),
    ]
    return solid - Manifold.batch_boolean(cuts, OpType.Add)


def make_mount() -> Manifold:
    """The printed holder: a disc for the Ø63 flange, a webbed stem, a clamp plate hidden under the part."""
    disc = chamfered(CrossSection.circle(31.5, SEGMENTS), -45, -38, 1.0)
    stem = cylinder(0, 0, -45, -4, 26)
    web = Manifold.extrude(
        CrossSection([[(-29, -39), (29, -39), (26, -36), (26, -6), (-26, -6), (-26, -36)]]), 5
    )
    web = web.rotate((90, 0, 0)).translate((0, 2.5, 0))
    plate = slab(rounded(66, 46, 5), -8, 0)
    solid = disc + stem + web + web.rotate((0, 0, 90)).scale((0.8, 0.8, 1.0)) + plate
    bolts = [
        cylinder(x, y, -46, -30, 6.6) + cylinder(x, y, -40, -30, 11.5)
        for x in (-17.68, 17.68)
        for y in (-17.68, 17.68)
    ]
    return solid - Manifold.batch_boolean(bolts, OpType.Add)


def write(solid: Manifold, name: str) -> None:
    raw = solid.simplify(5e-3).to_mesh()
    mesh = trimesh.Trimesh(raw.vert_properties[:, :3], raw.tri_verts)
    mesh.merge_vertices()
    if not mesh.is_watertight:
        raise SystemExit(f"{name}: the solid is not watertight")
    path = FOLDER / name
    path.write_bytes(trimesh.exchange.stl.export_stl(mesh))
    size_kb = path.stat().st_size / 1000
    print(f"{name}: {len(mesh.faces)} triangles, {size_kb:.0f} kB, bounds {mesh.bounds.tolist()} mm")


if __name__ == "__main__":
    write(make_bracket(), "bracket.stl")
    write(make_mount(), "mount.stl")

"""Lamps, the room around the bench, and how surfaces answer them. Linear sRGB primaries, float32."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.cell.model import Lamp, Surface
from synth.hardware.simulated.body import Float32, Material

_LAMP_RADIANCE = 21.0  # of brightness 1: two 0.35 m panels at 1.2 m light a white sheet to about 0.8


def linear_from_srgb(rgb_u8: Sequence[int]) -> tuple[float, float, float]:
    """8-bit sRGB as linear light 0–1 (IEC 61966-2-1)."""
    c = np.asarray(rgb_u8, dtype=float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear[0]), float(linear[1]), float(linear[2])


def to_material(surface: Surface, *, mottle: float, layer_m: float = 0.0) -> Material:
    """A surface of the cell: the metal in it mirrors in its colour, the rest mirrors 4 % in none."""
    colour = np.array(linear_from_srgb(surface.colour_rgb))
    r, g, b = (colour * (1 - surface.metallic)).tolist()
    f0_r, f0_g, f0_b = (0.04 + (colour - 0.04) * surface.metallic).tolist()
    return Material((r, g, b), (f0_r, f0_g, f0_b), surface.roughness, mottle, layer_m)


def blackbody_rgb(temperature_k: float) -> Float32:
    """Colour [3] of a black body in linear sRGB, green = 1.

    Planck's law against the multi-lobe fit of the CIE 1931 observer by Wyman, Sloan and Shirley (2013).
    """
    nm = np.arange(380.0, 781.0, 5.0)
    spectrum = nm**-5 / np.expm1(1.4388e7 / (nm * temperature_k))

    def lobe(mean: float, below: float, above: float) -> NDArray[np.float64]:
        return np.asarray(np.exp(-0.5 * ((nm - mean) / np.where(nm < mean, below, above)) ** 2))

    x = 1.056 * lobe(599.8, 37.9, 31.0) + 0.362 * lobe(442.0, 16.0, 26.7) - 0.065 * lobe(501.1, 20.4, 26.2)
    y = 0.821 * lobe(568.8, 46.9, 40.5) + 0.286 * lobe(530.9, 16.3, 31.1)
    z = 1.217 * lobe(437.0, 11.8, 36.0) + 0.681 * lobe(459.0, 26.0, 13.8)
    xyz = np.array([x, y, z]) @ spectrum
    rgb = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]) @ xyz
    return np.asarray(rgb / rgb[1], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Panel:
    """A square area light in base. half_u_m, half_v_m: from the centre to the middle of two sides [3]."""

    centre_m: Float32
    normal: Float32
    half_u_m: Float32
    half_v_m: Float32
    radiance: Float32

    @classmethod
    def of(cls, lamp: Lamp) -> "Panel":
        centre, target = np.array(lamp.position_m), np.array(lamp.target_m)
        normal = (target - centre) / max(float(np.linalg.norm(target - centre)), 1e-9)
        u = np.cross(normal, [1.0, 0.0, 0.0] if abs(normal[0]) < 0.8 else [0.0, 1.0, 0.0])
        u *= 0.5 * lamp.side_m / np.linalg.norm(u)
        radiance = _LAMP_RADIANCE * lamp.brightness * blackbody_rgb(lamp.temperature_k)
        arrays = (centre, normal, u, np.cross(normal, u), radiance)
        return cls(*(np.asarray(a, dtype=np.float32) for a in arrays))

    @property
    def area_m2(self) -> float:
        return float(4 * np.linalg.norm(self.half_u_m) * np.linalg.norm(self.half_v_m))

    def points(self, count: int) -> Float32:
        """A ``count`` × ``count`` grid of points [count²,3] on the panel, row by row."""
        s = ((np.arange(count) + 0.5) / count * 2 - 1).astype(np.float32)
        v, u = np.meshgrid(s, s, indexing="ij")
        grid = self.centre_m + u.reshape(-1, 1) * self.half_u_m + v.reshape(-1, 1) * self.half_v_m
        return np.asarray(grid, dtype=np.float32)

    def irradiance(self, points_m: Float32, normals: Float32) -> tuple[Float32, Float32]:
        """Unshadowed irradiance [N] per unit radiance, and unit directions [N,3] to the panel's centre."""
        to_lamp = self.centre_m - points_m
        distance2 = np.einsum("...i,...i->...", to_lamp, to_lamp)
        to_lamp /= np.sqrt(distance2)[..., None]
        cos_surface = np.maximum(np.einsum("...i,...i->...", to_lamp, normals), 0)
        cos_lamp = np.maximum(-(to_lamp @ self.normal), 0)
        return cos_surface * cos_lamp * np.float32(self.area_m2) / distance2, to_lamp


@dataclass(frozen=True)
class Room:
    """The room beyond the bench: ceiling with two light strips, walls, a window on one side.

    light: factor of all its radiance.
    """

    light: float = 1.0

    def radiance(self, directions: Float32, roughness: float | Float32 = 0.0) -> Float32:
        """What comes [...,3] from unit directions [...,3], z up.

        ``roughness`` widens every feature, as a blurred reflection does.
        """
        x, y, z = directions[..., 0], directions[..., 1], directions[..., 2]
        soft = np.asarray(0.04 + 0.5 * np.asarray(roughness), dtype=np.float32)

        def step(value: Any) -> Float32:
            return np.asarray(np.clip(value / soft + 0.5, 0, 1), dtype=np.float32)

        ceiling = step(z - 0.25)
        height = np.maximum(z, 0.15)
        strips = step(0.22 - np.abs(x / height - 0.2)) * step(1.6 - np.abs(y / height)) * step(z - 0.4)
        strips += step(0.18 - np.abs(x / height + 1.5)) * step(1.6 - np.abs(y / height)) * step(z - 0.4)
        window = step(y - 0.62) * step(0.33 - np.abs(z - 0.3)) * step(0.5 - np.abs(x - 0.1))
        grey = 0.16 + 0.17 * ceiling + 0.05 * x
        warm, cool = np.array([[1.02, 1.0, 0.96], [0.86, 0.98, 1.15]], np.float32)
        seen = grey[..., None] * warm + (strips[..., None] * 1.1) * warm + (window[..., None] * 0.9) * cool
        return np.asarray(seen * np.float32(0.31 * self.light), dtype=np.float32)

    @cached_property
    def irradiance(self) -> Float32:
        """What the room alone sends on to a level, open surface [3]; about π · 0.2 at ``light`` 1."""
        z = (np.arange(64) + 0.5) / 64
        around = 2 * np.pi * (np.arange(128) + 0.5) / 128
        z, around = np.meshgrid(np.sqrt(z), around)  # Evenly spread by cosine.
        level = np.sqrt(1 - z * z)
        directions = np.stack([level * np.cos(around), level * np.sin(around), z], axis=-1).astype(np.float32)
        return np.asarray(np.pi * self.radiance(directions).mean(axis=(0, 1)), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class MaterialTable:
    """The materials of a scene as columns [M,...]."""

    albedo: Float32
    f0: Float32
    roughness: Float32
    mottle: Float32
    layer_m: Float32

    @classmethod
    def of(cls, materials: Sequence[Material]) -> "MaterialTable":
        columns = zip(*((m.albedo, m.f0, m.roughness, m.mottle, m.layer_m) for m in materials), strict=True)
        return cls(*(np.asarray(column, dtype=np.float32) for column in columns))


def highlight(
    panel: Panel,
    to_lamp: Float32,
    distance_m: Float32,
    normals: Float32,
    to_eye: Float32,
    roughness: Float32,
    f0: Float32,
) -> Float32:
    """Specular reflectance [N,3] per unit irradiance: GGX, Smith's shadowing and Schlick's Fresnel term.

    The panel's size widens the lobe: over a disc of half vectors ρ wide, the mean of GGX's peak 1 / (π α²) is
    1 / (π (α² + ρ²)).
    """
    half = to_lamp + to_eye
    half /= np.maximum(np.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
    n_h = np.clip(np.einsum("ij,ij->i", normals, half), 0, 1)
    n_l = np.clip(np.einsum("ij,ij->i", normals, to_lamp), 1e-3, 1)
    n_v = np.clip(np.einsum("ij,ij->i", normals, to_eye), 1e-3, 1)
    l_h = np.clip(np.einsum("ij,ij->i", to_lamp, half), 0, 1)
    alpha = np.maximum(roughness * roughness, 0.02)
    radius = np.float32(np.sqrt(panel.area_m2 / np.pi))
    alpha2 = np.minimum(alpha**2 + (radius / (2 * distance_m)) ** 2, 1)
    lobe = alpha2 / (np.pi * (n_h * n_h * (alpha2 - 1) + 1) ** 2)
    k = alpha / 2
    shadowing = 0.25 / ((n_l * (1 - k) + k) * (n_v * (1 - k) + k))
    fresnel = f0 + (1 - f0) * ((1 - l_h) ** 5)[:, None]
    return np.asarray(fresnel * (lobe * shadowing)[:, None], dtype=np.float32)

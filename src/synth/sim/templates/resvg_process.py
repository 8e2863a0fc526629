"""A program that draws one SVG, as wide and high as its arguments say: from its input, a PNG to its output.

It is a process of its own, since a small drawing can ask resvg for any amount of time and memory (filters,
patterns within patterns), and some end the process that draws them.
"""

import resource
import sys

MAX_SECONDS, MAX_BYTES = 20, 2 << 30
_CSS_DPI = 96.0


def main() -> None:
    """Ends with 1, and why on its error output, where the drawing cannot be drawn."""
    import resvg_py

    for limit, most in ((resource.RLIMIT_CPU, MAX_SECONDS), (resource.RLIMIT_AS, MAX_BYTES)):
        resource.setrlimit(limit, (most, most))
    width, height = (int(word) for word in sys.argv[1:])
    svg = sys.stdin.buffer.read().decode()
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg, skip_system_fonts=True, dpi=_CSS_DPI, width=width, height=height
        )
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(bytes(png))


if __name__ == "__main__":
    main()

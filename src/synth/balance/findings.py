"""What is looked at beside balanced maps: a sheet, the shares drawn, a report."""

from synth.balance.figure import draw_shares
from synth.balance.run import Balanced
from synth.balance.sheet import write_balance_sheet
from synth.balance.verdict import REPORT_FILE, list_rows, write_report
from synth.dataset.reader import DatasetReader

SHEET_FILE, SHARES = "balance.png", "shares"


def write_findings(balanced: Balanced) -> None:
    """Beside the maps, where some were made."""
    settings = balanced.settings
    if not balanced.made.n_maps:
        return
    write_balance_sheet(settings.data, DatasetReader(settings.out), settings.out / SHEET_FILE)
    before, made = balanced.study.tally.n_maps, balanced.made.n_maps
    draw_shares(list_rows(balanced), before, made, settings.out / SHARES)
    write_report(balanced, settings.out / REPORT_FILE)

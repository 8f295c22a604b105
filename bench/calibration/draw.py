"""The error rates as a picture: false alarms, power, and the coverage of intervals against the number of probes."""

from __future__ import annotations

from pathlib import Path


def draw(result: dict, path: Path) -> None:
    """Write the picture of `result`, metrics/calibration.json as read."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right, below) = plt.subplots(1, 3, figsize=(15, 4), layout="constrained")
    cells = result["false_alarm"]
    probes = [int(n) for n in cells]
    left.fill_between(probes, *([100 * c[side] for c in cells.values()] for side in ("low", "high")), alpha=0.2)
    left.plot(probes, [100 * c["rate"] for c in cells.values()], marker="o", markersize=3)
    left.axhline(5, color="0.4", linewidth=1, linestyle="--")
    left.set(xscale="log", xlabel="probes", ylabel="honest curves called deceptive (%)", ylim=(0, 10))
    left.set_title("False alarms, all honest kinds", loc="left")
    for index, (kind, sizes) in enumerate(result["power"].items()):
        for size, style in zip(sizes, ("-",) if len(sizes) == 1 else (":", "-", "--"), strict=True):
            cells = sizes[size]
            label = f"{kind}, {size} points" if kind != "stall" else "stall (accuracy flat)"
            right.plot([int(n) for n in cells], [100 * c["rate"] for c in cells.values()], style,
                       color=f"C{index}", label=label)  # fmt: skip
    right.axhline(80, color="0.4", linewidth=1, linestyle="--")
    right.set(xscale="log", xlabel="probes", ylabel="deceptive curves found (%)", ylim=(0, 103))
    right.set_title(f"Power, {result['items']} items a probe", loc="left")
    right.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    _coverage(below, result["coverage"])
    for axes in (left, right, below):
        ticks = [10, 20, 30, 50, 100]
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _coverage(axes, measures: dict[str, dict[str, float]]) -> None:
    """A dot for every cell, beside its number of probes."""
    axes.axhspan(93, 97, color="0.9")
    for index, (name, cells) in enumerate(measures.items()):
        probes = [int(cell.split(", ")[1].split()[0]) for cell in cells]
        beside = [n * (0.86 + 0.07 * index) for n in probes]
        axes.plot(beside, [100 * share for share in cells.values()], "o", markersize=3, alpha=0.6, label=name)
    axes.set(xscale="log", xlabel="probes", ylabel="95 % intervals that hold the truth (%)", ylim=(88, 100.5))
    axes.set_title("Coverage, a dot a cell; grey: 93 to 97 %", loc="left")
    axes.legend(fontsize=7, loc="lower right", frameon=False)

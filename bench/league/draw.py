"""The league as a picture: deceptive runs found against false alarms, with every method's own operating points."""

from __future__ import annotations

from pathlib import Path

SHARES = (0.1, 0.3, 1, 3, 10, 30)  # false alarms in percent
MARKERS = "osD"


def draw(result: dict, path: Path) -> None:
    """Write the picture of `result`, metrics/league.json as read."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8.5, 4.8), layout="constrained")
    for index, (name, method) in enumerate(result["methods"].items()):
        width = 2.5 if name == "counterpoint" else 1.2
        label = f"{method['title']} ({method['auroc']['value']:.3f})"
        curve = [[100 * share for share in shares] for shares in (result["roc_at"], method["roc"])]
        axes.plot(*curve, color=f"C{index}", linewidth=width, label=label, zorder=width)
        points = [p for p in method["points"].values() if p["false_alarms"]["rate"] >= 0.001]
        for marker, point in zip(MARKERS, points, strict=False):
            axes.plot(100 * point["false_alarms"]["rate"], 100 * point["found"]["rate"], marker, color=f"C{index}",
                      markeredgecolor="black", markersize=7, clip_on=False)  # fmt: skip
    axes.set(xscale="log", xlim=(0.1, 40), ylim=(0, 101), xlabel="honest runs flagged (%)",
             ylabel="deceptive runs found (%)")  # fmt: skip
    axes.set_xticks(SHARES, [f"{share:g}" for share in SHARES])
    axes.minorticks_off()
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    probes = ", ".join(str(n) for n in result["lengths"])
    axes.set_title(
        f"{result['honest']:,} honest and {result['deceptive']:,} deceptive runs of {probes} probes", loc="left"
    )
    axes.legend(title="curve (AUROC); marks: own operating points", fontsize=8, title_fontsize=8, frameon=False,
                loc="center left", bbox_to_anchor=(1, 0.5))  # fmt: skip
    figure.savefig(path, dpi=140)
    plt.close(figure)

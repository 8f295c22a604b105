"""Counterpoint: does SFT or RL buy a vision-language model more reasoning, and does the RL reward tell the truth?"""


def __getattr__(name: str) -> str:
    """`counterpoint.__version__`: of the installed package; in a checkout that is not installed, of pyproject.toml."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("counterpoint")
    except PackageNotFoundError:
        import tomllib
        from pathlib import Path

        project = Path(__file__).parents[1] / "pyproject.toml"
        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]

"""Load and save any vision-language checkpoint: a local folder or a hub id, whole or a LoRA adapter.

Weights are read from safetensors alone. An adapter's folder holds the adapter, the processor and the name of the
checkpoint that it adapts; loading it merges the two.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from counterpoint.errors import UserError, one_line

ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def load(path: str, trust_remote_code: bool = False):
    """The model (float32, in evaluation mode, on the GPU if there is one) and its processor (left-padding) at `path`.

    Raises `UserError` when there is no such checkpoint or it is not an image-text-to-text model in safetensors.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = Path(path)
    if folder.exists():
        _check_folder(folder)
    try:
        if (folder / ADAPTER).exists():
            model = _merged(folder, trust_remote_code)
        else:
            model = AutoModelForImageTextToText.from_pretrained(
                path, trust_remote_code=trust_remote_code, use_safetensors=True, dtype="float32"
            )
        processor = AutoProcessor.from_pretrained(path, trust_remote_code=trust_remote_code, padding_side="left")
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        hint = "" if folder.exists() else "; it is no folder here, so it must be the id of a model on the hub"
        if isinstance(error, ImportError) and "VideoProcessor requires the Torchvision" in str(error):
            raise UserError(
                f"{path}: its processor needs torchvision, which is not installed; it reads videos alone with it, but "
                f"does not load without; run `{torchvision_for(torch.__version__)}`, the build for the installed torch"
            ) from None
        raise UserError(
            f"{path}: not a vision-language checkpoint that can be loaded: {one_line(error)}{hint}"
        ) from None
    if not hasattr(processor, "tokenizer"):
        raise UserError(f"{path}: its processor has no tokenizer; name a vision-language checkpoint")
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), processor


def torchvision_for(torch: str) -> str:
    """The command that installs the torchvision that was made for a version of torch, such as 2.13.0+cpu."""
    _, _, build = torch.partition("+")
    index = f" --index-url https://download.pytorch.org/whl/{build}" if build else ""
    return f"pip install torchvision torch=={torch}{index}"


def _check_folder(folder: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not any((folder / name).exists() for name in ("config.json", ADAPTER)):
        raise UserError(
            f"{folder}: not a model: it holds neither config.json nor {ADAPTER}; name a checkpoint's folder"
        )
    if (folder / ADAPTER).exists() and not (folder / ADAPTER_WEIGHTS).exists():
        raise UserError(
            f"{folder}: an adapter without {ADAPTER_WEIGHTS}; weights are read from safetensors alone, never from a "
            "pickle (.bin): save the adapter anew with safe_serialization=True"
        )
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="np"):  # reads the header, and whether the file is as long as that says
                pass
        except (SafetensorError, OSError) as error:
            raise UserError(
                f"{file}: its weights cannot be read ({one_line(error)}): the file is cut off or damaged; copy or make "
                f"it again (`dvc checkout {folder}` brings back a model of this study)"
            ) from None


def _merged(folder: Path, trust_remote_code: bool):
    from peft import PeftModel

    base = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))["base_model_name_or_path"]
    model, _ = load(base, trust_remote_code)
    return PeftModel.from_pretrained(model, folder).merge_and_unload()


def add_lora(model, rank: int, alpha: int, dropout: float, targets: list[str], vision_tower: bool):
    """The model with trainable LoRA adapters on the target modules; the vision tower is left out unless asked for.

    Raises `UserError` when no module matches.
    """
    from peft import LoraConfig, get_peft_model

    excluded = None if vision_tower else r".*(vision|visual).*"
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, exclude_modules=excluded,
        task_type="CAUSAL_LM",
    )  # fmt: skip
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UserError(f"lora.targets {targets}: {one_line(error)}") from None


def save(model, processor, folder: Path) -> None:
    """Write a checkpoint (or, for a PEFT model, its adapter) with its processor as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = getattr(processor.tokenizer, "backend_tokenizer", None)
    if backend is not None:  # else the files would tell how the tokenizer was last called
        backend.no_padding()
        backend.no_truncation()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "training_args.bin").unlink(missing_ok=True)


def snapshot(path: str) -> Path:
    """The folder of a checkpoint: itself, or what the hub has under that id. Raises `UserError` when there is none."""
    folder = Path(path)
    if folder.is_dir():
        _check_folder(folder)
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(path, allow_patterns=["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]))
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise UserError(f"{path}: neither a checkpoint's folder nor the id of a model on the hub ({reason})") from None


def saved_parameters(path: str) -> int:
    """The number of parameters that a checkpoint's safetensors hold, without loading them."""
    from safetensors import safe_open

    count = 0
    for file in sorted(snapshot(path).glob("*.safetensors")):
        with safe_open(file, framework="np") as tensors:
            count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return count


def parameters(model) -> int:
    """The number of parameters, tied ones once."""
    return sum(p.numel() for p in model.parameters())

"""Loading and saving: whole models, LoRA adapters, and folders that are neither."""

import json
import shutil

import pytest
import torch
from transformers.utils import is_torchvision_available

from counterpoint.errors import UserError
from counterpoint.models import checkpoint
from counterpoint.prompt import user_text, with_images
from tests import architectures

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj", "up_proj"]}


def logits(model, processor, problem):
    text = processor.apply_chat_template(with_images(user_text(problem), 1), add_generation_prompt=True, tokenize=False)
    with torch.inference_mode():
        return model(**processor(text=[text], images=[[problem.images[0].decode()]], return_tensors="pt")).logits


def stir(model):
    """LoRA starts as the identity; give its zero half a value."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05)


def test_a_loaded_model_is_float32_in_evaluation_and_pads_to_the_left(loaded):
    model, processor = loaded
    assert model.dtype == torch.float32 and not model.training
    assert processor.tokenizer.padding_side == "left"
    assert checkpoint.parameters(model) == sum(p.numel() for p in model.parameters())


def test_saving_and_loading_changes_nothing(tmp_path, loaded, problems):
    model, processor = loaded
    checkpoint.save(model, processor, tmp_path / "again")
    assert list((tmp_path / "again").glob("*.safetensors"))
    again = checkpoint.load(str(tmp_path / "again"))
    assert torch.equal(logits(model, processor, problems[0]), logits(*again, problems[0]))


def test_files_do_not_tell_how_the_tokenizer_was_last_called(tmp_path, loaded):
    model, processor = loaded
    checkpoint.save(model, processor, tmp_path / "before")
    processor.tokenizer(["a", "a b c"], padding="max_length", truncation=True, max_length=9)
    checkpoint.save(model, processor, tmp_path / "after")
    for file in (tmp_path / "before").iterdir():
        assert (tmp_path / "after" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_saved_adapter_merges_into_the_model_that_was_trained(tmp_path, micro_folder, loaded, problems):
    model, processor = loaded
    plain = logits(model, processor, problems[0])
    adapted = checkpoint.add_lora(model, **LORA, vision_tower=False)
    assert torch.allclose(logits(adapted, processor, problems[0]), plain)
    for config in adapted.peft_config.values():
        config.base_model_name_or_path = str(micro_folder)
    stir(adapted)
    wanted = logits(adapted.eval(), processor, problems[0])
    assert not torch.allclose(wanted, plain, atol=1e-3)
    checkpoint.save(adapted, processor, tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    assert json.loads((tmp_path / "adapter" / checkpoint.ADAPTER).read_text())["base_model_name_or_path"] == str(
        micro_folder
    )
    merged, merged_processor = checkpoint.load(str(tmp_path / "adapter"))
    assert not any("lora" in name for name, _ in merged.named_parameters())
    assert torch.allclose(logits(merged, merged_processor, problems[0]), wanted, atol=1e-5)


def test_an_adapter_whose_weights_are_a_pickle_is_refused(tmp_path, micro_folder, loaded):
    model, processor = loaded
    adapted = checkpoint.add_lora(model, **LORA, vision_tower=False)
    for config in adapted.peft_config.values():
        config.base_model_name_or_path = str(micro_folder)
    checkpoint.save(adapted, processor, tmp_path / "adapter")
    (tmp_path / "adapter/adapter_model.safetensors").unlink()
    (tmp_path / "adapter/adapter_model.bin").write_bytes(b"a pickle, or what runs when it is read")
    for use in (checkpoint.load, checkpoint.snapshot):
        with pytest.raises(UserError, match=r"adapter: an adapter without adapter_model\.safetensors; .*pickle"):
            use(str(tmp_path / "adapter"))


@pytest.mark.parametrize("vision_tower", [False, True])
def test_the_vision_tower_is_adapted_only_when_asked(loaded, vision_tower):
    model = checkpoint.add_lora(loaded[0], **LORA, vision_tower=vision_tower)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained and all("lora" in name for name in trained)
    assert any("vision" in name for name in trained) == vision_tower
    assert any("language" in name for name in trained)


def test_targets_that_match_nothing_are_told(loaded):
    with pytest.raises(UserError, match=r"lora\.targets.*nothing_like_it"):
        checkpoint.add_lora(loaded[0], **{**LORA, "targets": ["nothing_like_it"]}, vision_tower=False)


def broken(folder, name, text):
    (folder / name).write_text(text)


def wider(folder):
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] += 8
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: [p.unlink() for p in f.iterdir()],
        lambda f: (f / "config.json").unlink(),
        lambda f: (f / "model.safetensors").unlink(),
        lambda f: broken(f, "model.safetensors", "not tensors"),
        lambda f: broken(f, "config.json", "{broken"),
        lambda f: broken(f, "config.json", "{}"),
        lambda f: broken(f, "config.json", "[]"),
        lambda f: wider(f),
        lambda f: broken(f, "config.json", '{"model_type": "no_such_model"}'),
        lambda f: broken(f, "config.json", '{"model_type": "bert"}'),
        lambda f: broken(f, checkpoint.ADAPTER, "{broken"),
        lambda f: broken(f, checkpoint.ADAPTER, "{}"),
        lambda f: broken(f, "tokenizer.json", "{broken"),
        lambda f: (f / "processor_config.json").unlink(),
    ],
    ids=[
        "empty", "no config", "no weights", "bad weights", "bad json", "no type", "a list", "other sizes",
        "unknown type", "not vision-language", "bad adapter", "empty adapter", "bad tokenizer", "no processor",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_told_in_one_line(tmp_path, micro_folder, spoil):
    folder = tmp_path / "spoilt"
    shutil.copytree(micro_folder, folder)
    spoil(folder)
    with pytest.raises(UserError) as caught:
        checkpoint.load(str(folder))
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_weights_that_were_cut_off_are_named_with_the_remedy(tmp_path, micro_folder, share):
    folder = shutil.copytree(micro_folder, tmp_path / "cut")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    for use in (checkpoint.load, checkpoint.snapshot):
        with pytest.raises(
            UserError, match=r"the file is cut off or damaged; copy or make it again \(`dvc chec"
        ) as told:
            use(str(folder))
        assert str(told.value).startswith(f"{file}: its weights cannot be read (") and "\n" not in str(told.value)


def test_a_processor_that_needs_torchvision_for_videos_says_which_to_install(tmp_path, shape):
    if is_torchvision_available():
        pytest.skip("torchvision is installed")
    model, processor = architectures.build("qwen2_vl", shape)
    for part in (model, processor.tokenizer, processor.image_processor):
        part.save_pretrained(tmp_path)
    with pytest.raises(UserError) as told:
        checkpoint.load(str(tmp_path))
    said = str(told.value)
    assert said.startswith(
        f"{tmp_path}: its processor needs torchvision, which is not installed; it reads videos alone"
    )
    assert f"`pip install torchvision torch=={torch.__version__}" in said and "\n" not in said
    assert checkpoint.torchvision_for("2.13.0") == "pip install torchvision torch==2.13.0"
    index = "--index-url https://download.pytorch.org/whl/cu128"
    assert checkpoint.torchvision_for("2.13.0+cu128") == f"pip install torchvision torch==2.13.0+cu128 {index}"


def test_what_a_library_says_is_told_to_its_end(tmp_path, micro_folder, monkeypatch):
    def load(*_, **__):
        raise ValueError("one line\nand what to do")

    monkeypatch.setattr("transformers.AutoProcessor.from_pretrained", load)
    with pytest.raises(UserError, match=r"can be loaded: one line and what to do$"):
        checkpoint.load(str(micro_folder))


def test_an_adapter_of_a_base_that_is_gone_names_the_base(tmp_path, loaded):
    model, processor = loaded
    adapted = checkpoint.add_lora(model, **LORA, vision_tower=False)
    for config in adapted.peft_config.values():
        config.base_model_name_or_path = str(tmp_path / "gone")
    checkpoint.save(adapted, processor, tmp_path / "adapter")
    with pytest.raises(UserError, match="gone"):
        checkpoint.load(str(tmp_path / "adapter"))


def test_saved_parameters_are_counted_as_loaded_ones(loaded, micro_folder, tmp_path):
    model, processor = loaded
    assert checkpoint.saved_parameters(str(micro_folder)) == checkpoint.parameters(model)
    adapted = checkpoint.add_lora(model, **LORA, vision_tower=False)
    checkpoint.save(adapted, processor, tmp_path / "adapter")
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert checkpoint.saved_parameters(str(tmp_path / "adapter")) == trained


def test_a_snapshot_is_the_folder_itself_or_what_the_hub_has(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="not a model"):
        checkpoint.snapshot(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert checkpoint.snapshot(str(tmp_path)) == tmp_path
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda path, **k: asked.append((path, k)) or str(tmp_path))
    assert checkpoint.snapshot("owner/name") == tmp_path
    ((path, kept),) = asked
    assert path == "owner/name" and "*.safetensors" in kept["allow_patterns"]
    assert not any(pattern.endswith((".bin", ".py", "*")) for pattern in kept["allow_patterns"])  # no pickle, no code


@pytest.mark.parametrize("path", ["no/such-model", "no such folder", "data/models/base/none"])
def test_neither_folder_nor_hub_id_is_one_line(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="neither a checkpoint's folder nor the id of a model on the hub") as caught:
        checkpoint.snapshot(path)
    assert "\n" not in str(caught.value)

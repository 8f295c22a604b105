"""What whoever reaches the server may ask of a flow, and what only a user of the checkout writes."""

from pathlib import Path

import pytest

from counterpoint.errors import UserError
from counterpoint.params import compose
from flows import flow_parameters


def test_values_and_studies_of_this_checkout_may_be_asked(toy):
    flow_parameters.check("", [])
    flow_parameters.check("quick", ["rl.learning_rate=1e-5", "sft.epochs=2"])
    flow_parameters.check("", ["models.tiny=data/models/base/small", "trust_remote_code=false"])


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("trust_remote_code=true", "trust_remote_code"),
        ("report_to=wandb", "report_to"),
        ("models.tiny=/tmp/evil", "models.tiny"),
        ("models.tiny=evil/hub-id", "models.tiny"),
        ("models={tiny:data/models/base/tiny,other:/tmp/evil}", None),
        ("source.path=/etc", "source"),
        ("source.kind=folder", None),
        ("source={kind:folder}", None),
    ],
)
@pytest.mark.parametrize("study", ["", "quick"])
def test_code_and_files_may_not(toy, study, setting, key):
    before = Path("params.yaml").read_bytes()
    with pytest.raises(UserError) as told:
        flow_parameters.check(study, ["rl.learning_rate=1e-5", setting])
    assert key is None or (str(told.value).startswith(f"{key}: ") and "params.yaml" in str(told.value))
    assert Path("params.yaml").read_bytes() == before


def test_what_a_user_has_written_stands(toy):
    compose.write("default", ["trust_remote_code=true", "models.tiny=/models/mine"])
    flow_parameters.check("", ["rl.learning_rate=1e-5"])
    flow_parameters.check("default", [])
    with pytest.raises(UserError, match="trust_remote_code"):
        flow_parameters.check("quick", ["trust_remote_code=true"])  # another study, which does not


def test_an_unknown_study_or_setting_is_told(toy):
    with pytest.raises(UserError, match="did you mean 'quick'"):
        flow_parameters.check("quik", [])
    with pytest.raises(UserError, match="learning_rat"):
        flow_parameters.check("", ["rl.learning_rat=1"])

"""`torchcell-assets embed` and `weights`: what is made, what is asked, and the sentences of what cannot be."""

import io

import dagster as dg
import pytest

from torchcell_assets import environment
from torchcell_assets.cli import embed as embedding
from torchcell_assets.cli import main as command_line
from torchcell_assets.config import layout
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.language_models.registry import MODELS


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A data root of the study `screens`, in a folder with a space, in which the genome is made once."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("embed") / "my data"
        patch.setenv("TORCHCELL_DATA", str(root))
        patch.setenv("DAGSTER_HOME", str(root / "dagster"))
        patch.setattr(environment, "_SERVED", [])
        yield root


def test_a_key_that_the_study_does_not_name_is_made_with_what_it_is_read_from(served, capsys):
    assert command_line.main(["embed", "amino_acid_composition"]) == 0
    place = layout.embedding_file(served, "amino_acid_composition")
    assert f"amino_acid_composition is made: {place}" in capsys.readouterr().out
    assert table.read(place).dimension == 21
    assert command_line.main(["embed", "amino_acid_composition"]) == 0
    assert "amino_acid_composition is in sync; nothing was made" in capsys.readouterr().out
    with dg.DagsterInstance.get() as instance:
        asset = dg.AssetKey(["representations", "gene_embedding"])
        assert instance.get_materialized_partitions(asset) == {"amino_acid_composition"}


def test_what_takes_long_is_asked_for_and_no_is_no(served, capsys, monkeypatch):
    monkeypatch.setattr(embedding, "ASKS_ABOVE", 0.0)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert command_line.main(["embed", "unirep_64"]) == 1
    said = capsys.readouterr()
    assert "sequences" in said.err and "are computed on cpu" in said.err and "Compute it?" in said.out
    assert not layout.embedding_file(served, "unirep_64").exists()


def test_a_key_that_there_is_not_is_one_sentence_with_the_nearest(served, capsys):
    assert command_line.main(["embed", "esm2_650"]) == 1
    assert "There is no representation 'esm2_650': did you mean esm2_650M" in capsys.readouterr().err


def test_a_key_without_its_weights_is_one_sentence_and_nothing_is_made(served, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert command_line.main(["embed", "esm2_650M"]) == 1
    said = capsys.readouterr().err
    assert "facebook/esm2_t33_650M_UR50D" in said and "Traceback" not in said
    assert not layout.embedding_file(served, "esm2_650M").exists()


def test_the_weights_are_listed_with_their_size_and_licence(served, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert command_line.main(["weights"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for name, model in MODELS.items():
        if model.architecture == "unirep":
            assert name not in lines
        else:
            assert model.weights.licence in lines[name]
            assert ("a pickle" in lines[name]) == bool(model.weights.pickles)


@pytest.mark.parametrize(
    ("model", "says"), [("esm2", "did you mean"), ("prot_t5", "Rostlab/prot_t5_xl_half_uniref50-enc")]
)
def test_weights_that_cannot_be_had_are_one_sentence(served, capsys, monkeypatch, tmp_path, model, says):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert command_line.main(["weights", model]) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said

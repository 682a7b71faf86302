import hashlib
import json
import pickle
import re
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import model_store
from torchcell_assets.steps.trained.cross_validation import alias_of
from torchcell_assets.steps.trained.linear_model import LinearModel
from torchcell_assets_tests.steps.trained.fits import config, fit_cell
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding, rows
from torchcell_assets_tests.steps.trained.test_families import FAMILIES, SMALL

NAMES = gene_names(300)
HASHES = {"samples": {"fitness": "0123"}}


def store(path, family="elastic_net", embedding=None, aggregation="pert_sum"):
    embedding = embedding or random_embedding(NAMES, 6)
    fitted = fit_cell(rows(250), embedding, family, SMALL, aggregation)
    model = model_store.Model(fitted.model, model_store.manifest_of(fitted, embedding, config(family, SMALL), HASHES))
    model_store.write(path, model)
    return fitted, embedding


def rewritten(path, change):
    """The same zip with the content of its members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("wide", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_stored_model_predicts_what_the_fitted_one_predicted(tmp_path, family, wide):
    path = tmp_path / "model.skops"
    fitted, embedding = store(path, family, one_hot_embedding(NAMES) if wide else None)
    test = fitted.predictions.filter(pl.col("split").cast(pl.String) == "test")
    back = model_store.read(path)
    found = model_store.predict(back, embedding, [genes.split("+") for genes in test["genes"]])
    np.testing.assert_allclose(found["predicted"], test["predicted"], atol=1e-12)
    assert back.manifest["family"] == family and back.manifest["size"] == "1e3"
    assert model_store.read_manifest(path) == back.manifest


def test_no_pickle_is_written(tmp_path):
    path = tmp_path / "model.skops"
    store(path, "random_forest")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            with pytest.raises(Exception):  # noqa: B017 - whatever it is, it is no pickle
                pickle.loads(archive.read(name))


def test_genes_in_any_order_and_unknown_genes(tmp_path):
    path = tmp_path / "model.skops"
    _, embedding = store(path)
    model = model_store.read(path)
    found = model_store.predict(model, embedding, [[NAMES[1], NAMES[0]], [NAMES[0], NAMES[1], NAMES[1]], ["YZZ999W"]])
    assert found["genes"].to_list()[:2] == [f"{NAMES[0]}+{NAMES[1]}"] * 2
    assert found["predicted"][0] == found["predicted"][1]
    assert found["genes_unknown"].to_list() == [[], [], ["YZZ999W"]]
    with pytest.raises(TorchcellError, match="wild type"):
        model_store.predict(model, embedding, [[]])


def test_an_alias_is_stored_with_the_features_it_reads(tmp_path):
    fitted, embedding = store(tmp_path / "pert.skops")
    alias = alias_of(fitted, "intact_sum")
    path = tmp_path / "intact.skops"
    manifest = model_store.manifest_of(alias, embedding, config("elastic_net", SMALL), HASHES)
    model_store.write(path, model_store.Model(alias.model, manifest))
    model = model_store.read(path)
    assert (model.manifest["aggregation"], model.manifest["features"]) == ("intact_sum", "pert_sum")
    one, two = (
        model_store.predict(m, embedding, [[NAMES[3]]]) for m in (model, model_store.read(tmp_path / "pert.skops"))
    )
    assert one.equals(two)


def test_a_model_refuses_another_representation(tmp_path):
    path = tmp_path / "model.skops"
    store(path)
    with pytest.raises(TorchcellError, match=r"trained on random_6 .* not on random_7"):
        model_store.predict(model_store.read(path), random_embedding(NAMES, 7), [[NAMES[0]]])


OF_ONE_HOT = r"one_hot \(recipe abcdef0123, genes (\w{16}), vectors (\w{16})\)"


def refused(model, embedding) -> tuple[str, ...]:
    """The hashes of the genes and the vectors that a refusal names: of the model, and of what it was given."""
    with pytest.raises(TorchcellError) as refusal:
        model_store.predict(model, embedding, [[NAMES[0], NAMES[1]]])
    words = rf"The model was trained on {OF_ONE_HOT}, not on {OF_ONE_HOT}: train that cell again\."
    found = re.fullmatch(words, str(refusal.value))
    assert found, refusal.value
    return found.groups()


def test_a_model_refuses_other_vectors_of_the_same_recipe_and_names_both(tmp_path):
    path = tmp_path / "model.skops"
    embedding = one_hot_embedding(NAMES)
    store(path, embedding=embedding)
    model = model_store.read(path)
    assert model_store.predict(model, embedding, [[NAMES[0]]]).height == 1
    own = (model.manifest["genes"], model.manifest["vectors"])
    assert own == (table.genes_hash(NAMES), table.content_hash(embedding))
    # the same recipe on another genome: other genes, or the same in another order, which gives each gene another column
    for genes in (NAMES[::-1], [*NAMES[:-1], "YZZ999W"]):
        told = refused(model, one_hot_embedding(genes))
        assert told[:2] == own and told[2] == table.genes_hash(genes) and told[3] != own[1]
    nudged = replace(embedding, vectors=embedding.vectors * np.float32(2))
    assert refused(model, nudged) == (*own, own[0], table.content_hash(nudged))


def test_a_model_of_before_vectors_were_recorded_is_refused(tmp_path):
    _, embedding = store(tmp_path / "model.skops")
    model = model_store.read(tmp_path / "model.skops")
    old = {name: said for name, said in model.manifest.items() if name not in ("genes", "vectors")}
    with pytest.raises(TorchcellError, match=r"genes not recorded, vectors not recorded\), not on random_6"):
        model_store.predict(replace(model, manifest=old), embedding, [[NAMES[0]]])


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "model.skops"
    store(path)

    def nudge(members):
        name = next(name for name in members if name.endswith(".npy"))
        members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])

    rewritten(path, nudge)
    with pytest.raises(TorchcellError, match="was changed after it was written"):
        model_store.read(path)


def test_a_file_that_asks_for_a_foreign_type_is_not_loaded(tmp_path):
    path = tmp_path / "model.skops"
    store(path)

    def plant(members):
        text = members["schema.json"].decode()
        members["schema.json"] = text.replace('"ElasticNet"', '"Popen"').replace(
            '"sklearn.linear_model._coordinate_descent"', '"subprocess"'
        ).encode()  # fmt: skip
        manifest = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps(manifest).encode()

    rewritten(path, plant)
    with pytest.raises(TorchcellError, match=r"subprocess\.Popen.* was not loaded"):
        model_store.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_a_damaged_or_foreign_file_is_refused_with_one_sentence(tmp_path, content):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    for reader in (model_store.read, model_store.read_manifest):
        with pytest.raises(TorchcellError, match=r"^[^\n]+train that cell again\.$"):
            reader(path)
    with pytest.raises(TorchcellError, match="There is no model"):
        model_store.read(tmp_path / "absent.skops")


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "model.skops"
    store(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TorchcellError, match="train that cell again"):
        model_store.read(path)


def test_a_gene_of_no_training_genotype_is_told_and_one_of_the_test_split_is_no_training_gene(tmp_path):
    path = tmp_path / "model.skops"
    fitted, embedding = store(path)
    train = fitted.predictions.filter(pl.col("split").cast(pl.String) == "train")
    known = {gene for genes in train["genes"] for gene in genes.split("+")}
    others = {gene for genes in fitted.predictions["genes"] for gene in genes.split("+")} - known
    seen, unseen = min(known), min(others)
    model = model_store.read(path)
    assert model.manifest["training_genes"] == sorted(known)
    found = model_store.predict(model, embedding, [[unseen, seen], [seen], ["YZZ999W"]])
    assert found["genes_unseen"].to_list() == [[unseen], [], ["YZZ999W"]]
    assert found["genes_unknown"].to_list() == [[], [], ["YZZ999W"]]


def test_a_file_whose_model_cannot_be_built_is_refused_with_one_sentence(tmp_path):
    path = tmp_path / "model.skops"
    store(path)

    def empty(members):
        manifest = json.loads(members.pop("manifest.json"))
        members["schema.json"] = b"{}"
        content = hashlib.sha256()
        for name in sorted(members):
            content.update(f"{name}\x00{len(members[name])}\x00".encode() + members[name])
        members["manifest.json"] = json.dumps(manifest | {"content": content.hexdigest()}).encode()

    rewritten(path, empty)
    with pytest.raises(TorchcellError) as refused:
        model_store.read(path)
    assert str(refused.value).startswith(f"{path} is damaged or no model file of ours (")
    assert str(refused.value).endswith("): train that cell again.")


def test_a_prediction_says_of_which_genes_and_how_many_and_which_of_them_have_no_vector(tmp_path):
    path = tmp_path / "model.skops"
    _, embedding = store(path)
    model = model_store.read(path)
    found = model_store.predict(model, embedding, [[NAMES[1], NAMES[0], NAMES[1]], ["YZZ999W", NAMES[0], "YZY999W"]])
    assert found["genes"].to_list() == [f"{NAMES[0]}+{NAMES[1]}", "+".join(sorted([NAMES[0], "YZY999W", "YZZ999W"]))]
    assert (found["order"].to_list(), found.schema["order"]) == ([2, 3], pl.UInt8)
    assert found["genes_unknown"].to_list() == [[], ["YZY999W", "YZZ999W"]]
    known = model_store.predict(model, embedding, [[NAMES[1]]])["genes_unknown"]
    assert (known.to_list(), known.dtype) == ([[]], pl.List(pl.String))
    for none in ([], [[NAMES[0]], []]):
        with pytest.raises(
            TorchcellError, match="A genotype without a deleted gene is the wild type, whose fitness is 1"
        ):
            model_store.predict(model, embedding, none)


def test_the_interval_is_that_of_the_class_of_the_genotype(tmp_path):
    path = tmp_path / "model.skops"
    _, embedding = store(path)
    model = model_store.read(path)
    seen = model.manifest["training_genes"][:2]
    quantiles = {"all": [-9.0, 9.0], "seen, single": [-1.0, 2.0], "unseen, double or more": [-3.0, 4.0]}
    told = replace(model, manifest=model.manifest | {"residual_quantiles": quantiles})
    found = model_store.predict(told, embedding, [seen[:1], [seen[0], "YZZ999W"], seen])
    ends = found.select(low=pl.col("low") - pl.col("predicted"), high=pl.col("high") - pl.col("predicted"))
    assert ends.rows() == [pytest.approx(one) for one in ((-1.0, 2.0), (-3.0, 4.0), (-9.0, 9.0))]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"format": None}, "was written in format 1 and format 3 is read, which knows all that a model was trained on: train"),
        ({"format": 4}, "was written in format 4 and format 3 is read"),
        ({"training_genes": ["YAL001C"]}, "training genes in .* were changed after it was written: train that cell again"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_format_is_refused(tmp_path, said, words):
    path = tmp_path / "model.skops"
    store(path)

    def change(members):
        manifest = json.loads(members["manifest.json"]) | said
        members["manifest.json"] = json.dumps({k: v for k, v in manifest.items() if v is not None}).encode()

    rewritten(path, change)
    for reader in (model_store.read, model_store.read_manifest):
        with pytest.raises(model_store.ModelFileError, match=words):
            reader(path)


# ---- linear models -------------------------------------------------------------------------------------------------
def linear(path):
    fitted, embedding = store(path.with_suffix(".skops"))
    coefficients = LinearModel(np.linspace(-1, 1, 7), 0.5)
    manifest = model_store.manifest_of(fitted, embedding, config("elastic_net", SMALL), HASHES)
    model_store.write(path, model_store.Model(coefficients, manifest))
    return embedding, manifest


def test_a_linear_model_is_a_safetensors_file_that_is_found_by_its_name(tmp_path):
    path = tmp_path / "model.safetensors"
    embedding, manifest = linear(path)
    assert model_store.find(tmp_path, "model").suffix == ".skops"
    (tmp_path / "model.skops").unlink()
    assert model_store.find(tmp_path, "model") == path
    back = model_store.read(path)
    assert back.suffix == ".safetensors" and {**manifest, "content": back.manifest["content"]} == back.manifest
    found = model_store.predict(back, embedding, [[NAMES[3]]])
    expected = embedding.vectors[3].astype(float) @ np.linspace(-1, 1, 7)[:-1] + 1.0 + 0.5
    assert found["predicted"][0] == pytest.approx(expected, abs=1e-6)


def test_a_linear_model_that_was_changed_or_is_none_is_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "model.safetensors"
    linear(path)
    whole, said = path.read_bytes(), {"manifest": json.dumps(model_store.read_manifest(path))}
    tensors = load_file(path)
    for changed, words in [
        ({**tensors, "weight": tensors["weight"] + 1e-9}, "was changed after it was written: train that cell again"),
        ({**tensors, "more": tensors["weight"]}, "is damaged or no model file of ours"),
    ]:
        save_file(changed, path, metadata=said)
        with pytest.raises(TorchcellError, match=words):
            model_store.read(path)
    for broken in (b"", b"nothing", whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(TorchcellError, match="is damaged or no model file of ours"):
            model_store.read(path)
    path.unlink()
    with pytest.raises(TorchcellError, match="There is no model at"):
        model_store.read(path)

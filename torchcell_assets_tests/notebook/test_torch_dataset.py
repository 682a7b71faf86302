"""A stored sample in torch: `make test-deep`, because the extra `deep` is no part of continuous integration.

What a DataLoader reads through, the store itself, is tested without torch in steps/merged/test_key_value.py.
"""

import pytest
import torch

from torchcell_assets.notebook import tables
from torchcell_assets_tests.steps.merged.test_key_value import BOTH, GENES, deletions, store, table, with_interactions

SPLITS = ("train", "validation", "train", "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    place = folder / "merged" / "key_value"
    place.mkdir(parents=True)
    rows = [deletions(*{GENES[i % 5], GENES[i % 3]}) | {"value": i / 64, "split": SPLITS[i % 4]} for i in range(256)]
    store(place / "1e3.lmdb", table(rows))
    return folder


def test_a_split_holds_its_own_genotypes(root):
    whole, train = (tables.dataset("merged/key_value/1e3", split, root=root) for split in (None, "train"))
    assert (len(whole), len(train)) == (256, 128)
    assert train[1]["rank"].tolist() == [2] and train[-1]["rank"].tolist() == [254]
    assert [len(sample["rank"]) for sample in train] == [1] * 128
    with pytest.raises(IndexError):
        train[128]


def test_a_batch_feeds_an_embedding_bag(root):
    data = tables.dataset("merged/key_value/1e3", root=root)
    batch = data.__getitems__([0, 1, 1, 250])
    bag = torch.nn.EmbeddingBag.from_pretrained(torch.eye(len(data.store.genes)), mode="sum")
    counts = bag(batch["gene"], batch["offsets"])
    assert counts.sum(dim=1).tolist() == batch["order"].tolist()
    one = {data.store.genes[code] for code in counts[3].nonzero().flatten().tolist()}
    assert one == {GENES[0], GENES[1]}
    assert batch["value"].dtype == torch.float32 and batch["standard_error"].isnan().all()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_workers_of_a_loader_give_every_genotype_once(root, method):
    data = tables.dataset("merged/key_value/1e3", root=root)
    loader = torch.utils.data.DataLoader(
        data, batch_size=32, shuffle=True, num_workers=2, collate_fn=data.collate, multiprocessing_context=method
    )
    for _ in range(2):
        batches = list(loader)
        ranks = torch.cat([batch["rank"] for batch in batches])
        assert sorted(ranks.tolist()) == list(range(256))
        assert torch.equal(torch.cat([batch["value"] for batch in batches]), ranks[:, None] / 64)


def test_a_loss_of_two_targets_is_taken_of_what_the_mask_leaves(tmp_path):
    (tmp_path / "merged" / "key_value").mkdir(parents=True)
    rows = with_interactions(
        table([deletions(gene) | {"value": 0.5} for gene in GENES]), [None, 0.25, None, -0.25, None]
    )
    store(tmp_path / "merged" / "key_value" / "1e3.lmdb", rows, targets=BOTH)
    data = tables.dataset("merged/key_value/1e3", root=tmp_path)
    batch = data.__getitems__(range(5))
    assert data.store.targets == ["fitness", "interaction"]
    assert batch["mask"].tolist() == [[True, at in (1, 3)] for at in range(5)] and batch["mask"].dtype == torch.bool
    assert torch.equal(batch["value"].isnan(), ~batch["mask"])
    loss = (torch.zeros(5, 2) - batch["value"])[batch["mask"]].square().mean()
    assert loss.item() == pytest.approx((5 * 0.25 + 2 * 0.0625) / 7)

"""The bound: with hardly any noise the oracle counts what stood there."""

from dataclasses import replace

import numpy as np
import pytest

from railwatch.count import ResolutionClass
from railwatch.testing.evaluation import Stratum, build_site
from railwatch.testing.evaluation.bound import bound
from railwatch.testing.scenery import SENTINEL2, VHR_100


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    quiet = replace(SENTINEL2, noise=(1e-4, 1e-4), pattern=(1e-4, 1e-4), ring_m=80.0)
    stratum = Stratum("quiet", ResolutionClass.C, quiet, 1, 1, 90, 90, 5, (1,), 20.0)
    return build_site(stratum, 4, tmp_path_factory.mktemp("quiet"))


def test_without_noise_little_is_unknown(site):
    """Places fit the rendering, so what is left is a tenth of a car, whatever the colours."""
    best = bound(site)
    truth = np.array([len(site.truth.scenes[n].on("*")) for n in best])
    error = np.abs(np.array(list(best.values())) - truth)

    assert len(best) >= 5
    assert truth.std() > 1.0
    assert error.mean() < 0.15


def test_only_decametre_images_are_bounded(site):
    """At class A single cars show, and the oracle's cells say nothing."""
    sharp = replace(site.stratum, resolution_class=ResolutionClass.A, sensor=VHR_100)

    assert bound(replace(site, stratum=sharp)) == {}

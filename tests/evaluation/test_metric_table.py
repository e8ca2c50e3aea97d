from mistudio.evaluation.definitions import METRICS
from mistudio.evaluation.result import Evaluation

NOT_NUMBERS = {"model", "sae", "text", "config", "tokens", "tokens_read", "predictions", "excluded", "against"}


def test_every_number_of_an_evaluation_is_defined_in_the_table():
    assert set(Evaluation.model_fields) - NOT_NUMBERS == set(METRICS) - {"window_dead_share"}


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.range[0] < metric.range[1]
        for words in (metric.title, metric.symbol, metric.unit, metric.source):
            assert words.strip()
        assert metric.definition.endswith(".")

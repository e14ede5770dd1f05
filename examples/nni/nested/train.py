"""Which kind of model, and its parameters: a choice with a search space in each option."""

from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import nni


def make_model(params):
    """The model that the parameters name, with what is said inside of that option."""
    chosen = params["model"]
    kind = chosen["_name"]
    if kind == "svm":
        return SVC(C=chosen["C"], kernel=chosen["kernel"])
    if kind == "forest":
        return RandomForestClassifier(
            n_estimators=20, max_depth=chosen["max_depth"], random_state=0
        )
    return KNeighborsClassifier(n_neighbors=chosen["n_neighbors"])


def main():
    """Reports the mean accuracy of three folds."""
    params = nni.get_next_parameter()
    data, labels = load_wine(return_X_y=True)
    steps = [StandardScaler()] if params["scale"] else []
    scores = cross_val_score(make_pipeline(*steps, make_model(params)), data, labels, cv=3)
    nni.report_final_result(scores.mean())


if __name__ == "__main__":
    main()

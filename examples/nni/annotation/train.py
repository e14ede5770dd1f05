"""A linear classifier of handwritten digits, tuned by annotations.

`python train.py` runs it as it stands, `nnictl create --config config.yml` tunes it.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

EPOCHS = 10


def main():
    """Trains epoch by epoch and prints the accuracy on what it hasn't seen."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, random_state=0)

    """@nni.variable(nni.choice("hinge", "log_loss", "modified_huber"), name=loss)"""
    loss = "hinge"
    """@nni.variable(nni.loguniform(1e-7, 1e-1), name=alpha)"""
    alpha = 1e-2
    """@nni.variable(nni.choice("l1", "l2"), name=penalty)"""
    penalty = "l2"

    model = SGDClassifier(loss=loss, alpha=alpha, penalty=penalty, random_state=0)
    for _ in range(EPOCHS):
        model.partial_fit(train_x, train_y, classes=np.arange(10))
        accuracy = model.score(test_x, test_y)
        """@nni.report_intermediate_result(accuracy)"""
    print("accuracy:", accuracy)
    """@nni.report_final_result(accuracy)"""


if __name__ == "__main__":
    main()

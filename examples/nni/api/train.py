"""A neural network on handwritten digits; the tuner's parameters go over the command line's."""

import argparse
import logging

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import nni
from nni.utils import merge_parameter

logger = logging.getLogger("digits")


def get_params():
    """The defaults, which hold for everything that the tuner doesn't choose."""
    parser = argparse.ArgumentParser(description="Digits")
    parser.add_argument("--batch_size", type=int, default=64, help="examples in a step")
    parser.add_argument("--hidden_size", type=int, default=32, help="units of the hidden layer")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--momentum", type=float, default=0.5, help="of the gradient descent")
    parser.add_argument("--epochs", type=int, default=8, help="how long to train")
    arguments, _ = parser.parse_known_args()
    return arguments


def main(args):
    """Trains and reports after every epoch."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, random_state=0)
    model = MLPClassifier(
        (args["hidden_size"],),
        solver="sgd",
        batch_size=args["batch_size"],
        learning_rate_init=args["lr"],
        momentum=args["momentum"],
        random_state=0,
    )
    accuracy = 0.0
    for epoch in range(args["epochs"]):
        model.partial_fit(train_x, train_y, classes=np.arange(10))
        accuracy = model.score(test_x, test_y)
        nni.report_intermediate_result(accuracy)
        logger.debug("epoch %d: %s", epoch, accuracy)
    nni.report_final_result(accuracy)


if __name__ == "__main__":
    main(vars(merge_parameter(get_params(), nni.get_next_parameter())))

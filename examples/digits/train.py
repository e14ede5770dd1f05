"""Trains a small neural network on scikit-learn's handwritten digits, epoch by epoch.

Run it as it is (`python train.py`), or let nni-run find better values for what is annotated.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a digit is 64 numbers: more threads cost time

import numpy as np
from sklearn import preprocessing
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EPOCHS = 15


def load_data():
    """Training and validation images, scaled, with their labels."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=0.3, random_state=0, stratify=labels
    )
    """@nni.function_choice(
        preprocessing.MinMaxScaler(),
        preprocessing.StandardScaler(),
        preprocessing.Normalizer(),
        name=scaler)"""
    scaler = preprocessing.MinMaxScaler()
    return scaler.fit_transform(train_x), scaler.transform(test_x), train_y, test_y


def main():
    """Trains for a fixed number of epochs and prints the validation accuracy of each."""
    train_x, test_x, train_y, test_y = load_data()

    """@nni.variable(nni.randint(8, 129), name=hidden_size)"""
    hidden_size = 16
    """@nni.variable(nni.choice(16, 32, 64, 128, 256), name=batch_size)"""
    batch_size = 128
    """@nni.variable(nni.loguniform(1e-4, 1), name=learning_rate)"""
    learning_rate = 0.01
    """@nni.variable(nni.uniform(0, 0.95), name=momentum)"""
    momentum = 0.5
    """@nni.variable(nni.choice("tanh", "relu", "logistic"), name=activation)"""
    activation = "tanh"

    model = MLPClassifier(
        hidden_layer_sizes=(hidden_size,),
        activation=activation,
        solver="sgd",
        batch_size=batch_size,
        learning_rate_init=learning_rate,
        momentum=momentum,
        random_state=0,
    )
    accuracy = 0.0
    for epoch in range(EPOCHS):
        model.partial_fit(train_x, train_y, classes=np.arange(10))
        accuracy = model.score(test_x, test_y)
        print(f"epoch {epoch + 1:2}: validation accuracy {accuracy:.4f}")
        """@nni.report_intermediate_result(accuracy)"""

    """@nni.report_final_result(accuracy)"""


if __name__ == "__main__":
    main()

"""An experiment from Python, without a config file."""

from pathlib import Path

from nni.experiment import Experiment

search_space = {
    "batch_size": {"_type": "choice", "_value": [16, 32, 64, 128]},
    "hidden_size": {"_type": "choice", "_value": [16, 32, 64]},
    "lr": {"_type": "loguniform", "_value": [0.0001, 0.5]},
    "momentum": {"_type": "uniform", "_value": [0, 0.95]},
}

experiment = Experiment("local")
experiment.config.experiment_name = "digits"
experiment.config.trial_command = "python train.py --epochs 6"
experiment.config.trial_code_directory = Path(__file__).parent.parent / "api"
experiment.config.search_space = search_space
experiment.config.tuner.name = "TPE"
experiment.config.tuner.class_args["optimize_mode"] = "maximize"
experiment.config.max_trial_number = 4
experiment.config.trial_concurrency = 2

experiment.run(8080)
for result in experiment.export_data():
    print(result.value, result.parameter)

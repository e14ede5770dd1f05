"""The fields of NNI's second format, that of its versions 2.x and 3.x."""

from __future__ import annotations

from nni_runner.config.fields import Field, foreign
from nni_runner.config.kinds import Count, Duration, Flag, Indices, OneOf, Text, Values
from nni_runner.config.wording import (
    ARGUMENTS,
    LOCAL,
    LOG_LEVELS,
    NO_GPU_FOR_TUNERS,
    NO_MANAGER,
    ONE_PROGRAM,
)


def _algorithm(section: str) -> tuple[Field, ...]:
    fields = (
        Field("name", Text("a name"), f"The {section}'s name.", "name"),
        Field("classArgs", Values(), ARGUMENTS, "arguments"),
        Field("codeDirectory", Text("a path"), "Where the class of your own is.", "code_directory"),
        Field("classDirectory", Text("a path"), "An older name of codeDirectory.",
              "code_directory"),
        Field("className", Text("a name such as my_tuner.MyTuner"),
              "Module and name of your own class.", "class_name"),
    )  # fmt: skip
    return (
        Field(section, None, f"The {section} and its arguments."),
        *(field.inside(section) for field in fields),
    )


SECOND = (
    Field("experimentName", Text(), "What the experiment is called.", "name"),
    Field("name", Text(), "An older name of experimentName.", "name"),
    Field("experimentType", OneOf(("hpo",)), "What is tuned: hyperparameters."),
    Field("searchSpaceFile", Text("a path"), "The search space's file.", "space_file"),
    Field("searchSpace", Values(), "The search space itself.", "space"),
    Field("useAnnotation", Flag(), "Whether annotations in the code are the search space.",
          "use_annotation"),
    Field("trialCommand", Text("a command"), "What a trial runs, a line for a shell.", "command",
          required=True),
    Field("trialCodeDirectory", Text("a path"), "The folder of the code; the file's if not given.",
          "code_directory"),
    Field("trialConcurrency", Count(), "How many trials run at the same time.", "concurrency",
          required=True),
    Field("trialGpuNumber", Count(0), "How many GPUs a trial needs.", "gpus_per_trial"),
    Field("maxExperimentDuration", Duration(), "After which time to stop.", "seconds"),
    Field("maxTrialNumber", Count(), "How many trials to run.", "trials"),
    Field("maxTrialDuration", Duration(), "How long one trial may take.", "trial_seconds"),
    *_algorithm("tuner"),
    *_algorithm("assessor"),
    *_algorithm("advisor"),
    Field("trainingService", None, "Where trials run.", required=True),
    Field("trainingService.platform", OneOf(("local",)), LOCAL, "platform", required=True),
    Field("trainingService.useActiveGpu", Flag(), "Whether to use GPUs that others use too.",
          "use_active_gpus"),
    Field("trainingService.maxTrialNumberPerGpu", Count(), "How many trials share a GPU.",
          "trials_per_gpu"),
    Field("trainingService.gpuIndices", Indices(), "GPUs that trials may use.", "gpu_indices"),
    Field("trainingService.trialCommand", Text("a command"), "Instead of trialCommand.",
          "command"),
    Field("trainingService.trialCodeDirectory", Text("a path"), "Instead of trialCodeDirectory.",
          "code_directory"),
    Field("trainingService.trialGpuNumber", Count(0), "Instead of trialGpuNumber.",
          "gpus_per_trial"),
    Field("trainingService.nniManagerIp", Text("an address"), "The address of this machine.",
          note=NO_MANAGER),
    Field("trainingService.debug", Flag(), "More messages.", note=ONE_PROGRAM),
    Field("trainingService.reuseMode", Flag(), "Several trials in one process.",
          note="each trial is a process of its own"),
    Field("experimentWorkingDirectory", Text("a path"), "Where experiments are kept.",
          "experiments"),
    Field("tunerGpuIndices", Indices(), "GPUs that the tuner may see.", note=NO_GPU_FOR_TUNERS),
    Field("nniManagerIp", Text("an address"), "The address of this machine.", note=NO_MANAGER),
    Field("debug", Flag(), "More messages.", note=ONE_PROGRAM),
    Field("logLevel", OneOf(LOG_LEVELS), "Which messages are written.", note=ONE_PROGRAM),
    *foreign("sharedStorage"),
)  # fmt: skip

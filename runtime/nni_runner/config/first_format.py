"""The fields of NNI's first format, that of its versions 0.x and 1.x."""

from __future__ import annotations

from nni_runner.config.fields import Field, foreign
from nni_runner.config.kinds import (
    Anything,
    Count,
    Duration,
    Flag,
    Indices,
    OneOf,
    Text,
    Values,
)
from nni_runner.config.wording import (
    ARGUMENTS,
    LOCAL,
    LOG_LEVELS,
    NO_GPU_FOR_TUNERS,
    NO_MANAGER,
    ONE_PROGRAM,
)


def _algorithm(section: str) -> tuple[Field, ...]:
    title = section.capitalize()
    fields = (
        Field(f"builtin{title}Name", Text("a name"), f"The {section}'s name.", "name"),
        Field("classArgs", Values(), ARGUMENTS, "arguments"),
        Field("codeDir", Text("a path"), "Where the class of your own is.", "code_directory"),
        Field("classFileName", Text("a file's name"), "The file of your own class.", "file"),
        Field("className", Text("a name"), "The name of your own class.", "class_name"),
        Field("includeIntermediateResults", Flag(), "Of trials that were stopped early.",
              note="a trial that was stopped early has no final result"),
        Field("gpuIndices", Indices(), "GPUs that it may see.", note=NO_GPU_FOR_TUNERS),
        Field("gpuNum", Anything(), "GPUs that it may use.", note=NO_GPU_FOR_TUNERS),
        Field("checkpointDir", Anything(), "Of NNI 0.x.", note="experiments can be resumed anyway"),
    )  # fmt: skip
    return (
        Field(section, None, f"The {section} and its arguments."),
        *(field.inside(section) for field in fields),
    )


FIRST = (
    Field("authorName", Text(), "Who made the experiment.", "author"),
    Field("experimentName", Text(), "What the experiment is called.", "name"),
    Field("description", Text(), "What the experiment is about.", "description"),
    Field("trialConcurrency", Count(), "How many trials run at the same time.", "concurrency",
          required=True),
    Field("maxExecDuration", Duration(), "After which time to stop; 999d if not given.", "seconds"),
    Field("maxTrialNum", Count(), "How many trials to run; 99999 if not given.", "trials"),
    Field("maxTrialDuration", Duration(), "How long one trial may take.", "trial_seconds"),
    Field("trainingServicePlatform", OneOf(("local",)), LOCAL, "platform", required=True),
    Field("searchSpacePath", Text("a path"), "The search space's file.", "space_file"),
    Field("useAnnotation", Flag(), "Whether annotations in the code are the search space.",
          "use_annotation"),
    *_algorithm("tuner"),
    *_algorithm("assessor"),
    *_algorithm("advisor"),
    Field("trial", None, "What a trial runs.", required=True),
    Field("trial.command", Text("a command"), "What a trial runs, a line for a shell.", "command",
          required=True),
    Field("trial.codeDir", Text("a path"), "The folder of the code; the file's if not given.",
          "code_directory"),
    Field("trial.gpuNum", Count(0), "How many GPUs a trial needs.", "gpus_per_trial"),
    Field("trial.nasMode", OneOf(("classic_mode",)), "How mutable layers are chosen."),
    Field("localConfig", None, "How trials share this machine's GPUs."),
    Field("localConfig.gpuIndices", Indices(), "GPUs that trials may use.", "gpu_indices"),
    Field("localConfig.maxTrialNumPerGpu", Count(), "How many trials share a GPU.",
          "trials_per_gpu"),
    Field("localConfig.useActiveGpu", Flag(), "Whether to use GPUs that others use too.",
          "use_active_gpus"),
    Field("logDir", Text("a path"), "Where experiments are kept.", "experiments"),
    Field("multiPhase", Flag(), "Several sets of parameters for one trial.",
          advice="a trial gets one set of parameters: make each phase a trial of its own"),
    Field("multiThread", Flag(), "Threads for the tuner.", note="a tuner is never asked twice at "
          "a time"),
    Field("nniManagerIp", Text("an address"), "The address of this machine.", note=NO_MANAGER),
    Field("debug", Flag(), "More messages.", note=ONE_PROGRAM),
    Field("versionCheck", Flag(), "Whether machines have the same NNI.", note=ONE_PROGRAM),
    Field("logLevel", OneOf(LOG_LEVELS), "Which messages are written.", note=ONE_PROGRAM),
    Field("logCollection", OneOf(("http", "none")), "How output is collected.", note=ONE_PROGRAM),
    *foreign(
        "machineList", "remoteConfig", "paiConfig", "paiYarnConfig", "kubeflowConfig",
        "frameworkcontrollerConfig", "amlConfig", "dltsConfig", "adlConfig", "hybridConfig",
        "sharedStorage", "trial.cpuNum", "trial.memoryMB", "trial.memorySize", "trial.image",
        "trial.dataDir", "trial.outputDir", "trial.virtualCluster", "trial.shmMB",
        "trial.authFile", "trial.portList", "trial.nniManagerNFSMountPath",
        "trial.containerNFSMountPath", "trial.paiStorageConfigName", "trial.paiConfigPath",
        "trial.ps", "trial.worker", "trial.master", "trial.taskRoles", "trial.namespace",
        "trial.imagePullSecrets", "trial.nfs", "trial.adaptive", "trial.checkpoint",
    ),
)  # fmt: skip

"""Time that other packages take for the cardiac volume on a CPU.

``python -m benchmarks.rivals NAME`` prints a line of JSON. nnU-Net has a separate environment, which shares
only torch and numpy with DINSegment. Weights are untrained, which does not affect time; networks have the size
that each package chooses by default (nnU-Net, by its planner's rules) or shows in its documentation (MONAI).
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import bench
from .cost import network_cost

SPACING = (10.0, 1.5625, 1.5625)  # mm, along the axes of the volume (K, J, I), so that no resampling is needed
PATCH = (256, 224)
CLASSES = 4


@dataclass(frozen=True)
class Rival:
    """Another package's function from a volume (K, J, I) to labels, and the network that it uses."""

    segment: Callable[[np.ndarray], np.ndarray]
    network: Any


def nnunet(mirroring: bool) -> Rival:
    """nnU-Net v2, 2-D, from volume to labels: normalization, tiles with half overlap, resampling, argmax."""
    for folder in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        os.environ.setdefault(folder, os.curdir)  # nnU-Net requires them, but does not use them here
    import torch
    from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    _, strides, kernels, patch, _ = get_pool_and_conv_props(SPACING[1:], PATCH, 4, 999999)
    stages = len(strides)
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages, "features_per_stage": [min(512, 32 * 2**stage) for stage in range(stages)],
            "conv_op": "torch.nn.Conv2d", "kernel_sizes": kernels, "strides": strides, "n_conv_per_stage": [2] * stages,
            "n_conv_per_stage_decoder": [2] * (stages - 1), "conv_bias": True,
            "norm_op": "torch.nn.InstanceNorm2d", "norm_op_kwargs": {"eps": 1e-5, "affine": True}, "dropout_op": None,
            "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ("conv_op", "norm_op", "dropout_op", "nonlin"),
    }  # fmt: skip
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "2d", "preprocessor_name": "DefaultPreprocessor", "batch_size": 1,
        "patch_size": [int(n) for n in patch], "spacing": list(SPACING[1:]), "architecture": architecture,
        "normalization_schemes": ["ZScoreNormalization"], "use_mask_for_norm": [False], "batch_dice": True,
        "resampling_fn_data": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg": "resample_data_or_seg_to_shape", "resampling_fn_seg_kwargs": resampling | {"is_seg": True},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling | {"order": 1},
    }  # fmt: skip
    plans = PlansManager({
        "dataset_name": "none", "plans_name": "none", "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "original_median_spacing_after_transp": SPACING, "image_reader_writer": "SimpleITKIO",
        "configurations": {"2d": configuration}, "label_manager": "LabelManager",
        "experiment_planner_used": "ExperimentPlanner", "foreground_intensity_properties_per_channel": {"0": {}},
    })  # fmt: skip
    labels = {"background": 0, **{str(value): value for value in range(1, CLASSES)}}
    dataset = {"channel_names": {"0": "MR"}, "labels": labels, "file_ending": ".nii.gz"}
    network = get_network_from_plans(*architecture.values(), 1, CLASSES, deep_supervision=False).eval()
    predictor = nnUNetPredictor(
        use_mirroring=mirroring, perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.manual_initialization(
        network, plans, plans.get_configuration("2d"), [network.state_dict()], dataset, "none", (0, 1)
    )
    properties = {"spacing": SPACING}
    return Rival(
        lambda volume: predictor.predict_single_npy_array(volume[None].astype(np.float32), properties), network
    )


def monai_sliding_window(network: Any, mirroring: bool) -> Rival:
    """2-D network with MONAI's sliding window with a quarter overlap, after normalization."""
    import torch
    from monai.inferers import sliding_window_inference
    from monai.transforms import NormalizeIntensity

    network.eval()

    @torch.inference_mode()
    def segment(volume: np.ndarray) -> np.ndarray:
        slices = torch.as_tensor(NormalizeIntensity()(volume.astype(np.float32)))[:, None]
        scores: Any = 0
        for axes in ((), (2,), (3,), (2, 3)) if mirroring else ((),):  # the four views of nnU-Net
            one: Any = sliding_window_inference(slices.flip(axes), PATCH, 4, network, overlap=0.25)
            scores = scores + one.flip(axes)
        return scores.max(dim=1).indices.to(torch.uint8).numpy()  # faster than argmax

    return Rival(segment, network)


def monai_unet(mirroring: bool) -> Rival:
    """MONAI's residual U-Net with five levels from 16 to 256 channels."""
    from monai.networks.nets import UNet

    network = UNet(2, 1, CLASSES, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    return monai_sliding_window(network, mirroring)


def monai_swin_unetr(mirroring: bool) -> Rival:
    """MONAI's 2-D Swin UNETR with 24 features."""
    from monai.networks.nets import SwinUNETR

    return monai_sliding_window(SwinUNETR(1, CLASSES, feature_size=24, spatial_dims=2), mirroring)


RIVALS: dict[str, Callable[[bool], Rival]] = {
    "nnU-Net v2 2-D": nnunet,
    "MONAI U-Net 2-D": monai_unet,
    "MONAI Swin UNETR 2-D": monai_swin_unetr,
}


def measure(name: str, mirroring: bool, volume: np.ndarray, repeats: int) -> dict[str, Any]:
    """Median seconds and CPU seconds of a network for a volume (K, J, I), after a warm-up run; its size and cost."""
    import torch

    rival = RIVALS[name](mirroring)
    runs = []
    for _ in range(1 + repeats):
        started, cpu_started = time.perf_counter(), time.process_time()
        labels = rival.segment(volume)
        runs.append((time.perf_counter() - started, time.process_time() - cpu_started))
    if labels.shape != volume.shape:
        raise ValueError(f"{name} made labels of shape {labels.shape}, not {volume.shape}")
    seconds, cpu = (statistics.median(column) for column in zip(*runs[1:], strict=True))
    peak = bench.peak_mb()  # before the cost is counted
    return {
        "name": name, "device": "cpu", "precision": "float32", "views": 4 if mirroring else 1, "seconds": seconds,
        "cpu_seconds": cpu, "peak_mb": peak, "repeats": repeats,
        **network_cost(rival.network, torch.rand(1, 1, *PATCH)),
    }  # fmt: skip


if __name__ == "__main__":
    _, which, mirrored = sys.argv
    heart = bench.volume_of(bench.BESIDE_OTHERS["DIN, cardiac-mr"])[0]
    print(json.dumps(measure(which, mirrored == "mirroring", heart, 3)))

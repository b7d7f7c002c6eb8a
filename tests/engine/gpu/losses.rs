//! A device that goes away in the midst of each step of each kind of work: once it is rebuilt, twice the CPU takes over.

use lorascope_protocol::report::BackendKind;

use crate::gpu::scenes::{ALL, Scene, same};

/// The steps that a scene's work takes on the device.
fn steps(scene: Scene) -> &'static [&'static str] {
    match scene {
        Scene::Analysis => &["upload", "scan", "gram", "apply", "readback"],
        Scene::Alignment => &["upload", "scan", "gram", "apply", "align", "readback"],
        Scene::Projection => &["upload", "scan", "gram", "apply", "resize", "readback"],
        Scene::Resizing => &["upload", "resize", "readback"],
        Scene::Comparison => &["upload", "scan", "gram", "apply", "cross", "readback"],
        Scene::Extraction => &["upload", "align", "multiply", "residual", "readback"],
    }
}

/// A driver may refuse what all the others take.
#[test]
fn a_kernel_that_does_not_compile_is_the_cpus() {
    let undisturbed = Scene::Comparison.on_gpu(|_| {});
    let played = Scene::Comparison.on_gpu(|mishaps| mishaps.break_kernel("cross"));
    let engine = played.engine();
    assert_eq!(engine.backend, BackendKind::Cpu);
    assert!(engine.reason.starts_with("the CPU took over: the kernels do not compile ("), "{}", engine.reason);
    same(&played.report, &undisturbed.report, "without cross");
}

#[test]
fn a_device_lost_in_any_step_is_made_up_for() {
    for scene in ALL {
        let undisturbed = scene.on_gpu(|_| {});
        assert_eq!(undisturbed.engine().backend, BackendKind::WebGpu);
        for &step in steps(scene) {
            for (losses, backend) in [(1, BackendKind::WebGpu), (2, BackendKind::Cpu)] {
                let what = format!("{scene:?}, lost {losses} times in {step}");
                let played = scene.on_gpu(|mishaps| (1..=losses).for_each(|n| mishaps.lose_at(step, n)));
                assert_eq!(played.losses_to_come, 0, "{what}");
                let engine = played.engine();
                assert_eq!(engine.backend, backend, "{what}: {}", engine.reason);
                assert!(engine.reason.contains("lost"), "{what}: {}", engine.reason);
                same(&played.report, &undisturbed.report, &what);
            }
        }
    }
}

package weft.ops.cli.vm;

import picocli.CommandLine.Option;

import weft.fabric.FabricImage;
import weft.fabric.VmPlacement;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.CliFailure;
import weft.ops.cli.FabricSession;
import weft.ops.cli.Output;

import java.time.Duration;
import java.util.Optional;

/// Waiting for what was asked: a command is done when the fabric's records say so.
public final class VmWaiting {
    @Option(names = "--no-wait", description = "Do not wait until it is done.")
    private boolean noWait;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "How long to wait (default: ${DEFAULT-VALUE}).")
    private int timeoutSeconds;

    void forRunning(FabricSession session, Output output, String vm, String before)
            throws InterruptedException {
        if (noWait) {
            output.result(
                    VmRow.find(session.image(), vm),
                    "VM %s %swill start. Next: weft vm show %s".formatted(vm, before, vm));
            return;
        }
        Optional<VmPlacement> ended =
                session.await(
                        Duration.ofSeconds(timeoutSeconds),
                        image ->
                                Optional.ofNullable(image.placements().get(vm))
                                        .filter(p -> isStarted(p)));
        if (ended.isEmpty()) {
            throw CliFailure.failed(
                    "VM '%s' is not running after %d s%s; weft vm show %s says more"
                            .formatted(vm, timeoutSeconds, reason(session.image(), vm), vm));
        }
        if (ended.get().state() == VmPlacement.State.FAILED) {
            throw CliFailure.failed(
                    "VM '%s' could not start: %s".formatted(vm, ended.get().detail()));
        }
        VmRow row = VmRow.find(session.image(), vm);
        output.result(
                row,
                "VM %s %sruns on %s%s. Next: weft vm console %s"
                        .formatted(
                                vm,
                                before,
                                row.host(),
                                row.nics().isEmpty() ? "" : " (" + row.addresses() + ")",
                                vm));
    }

    private static boolean isStarted(VmPlacement placement) {
        return placement.state() == VmPlacement.State.FAILED
                || placement.owner() != null && placement.state() == VmPlacement.State.RUNNING;
    }

    /// Why a VM does not start, as far as the records show it.
    private static String reason(FabricImage image, String vm) {
        VmPlacement placement = VmAdmin.placementOf(image, vm);
        if (placement.owner() == null && placement.host() == null) {
            return ": no live host has enough free memory";
        }
        return "";
    }

    void forStopped(FabricSession session, Output output, String vm) throws InterruptedException {
        if (!noWait) {
            awaitStopped(session, vm);
        }
        output.result(
                VmRow.find(session.image(), vm),
                "VM %s %s. Next: weft vm start %s"
                        .formatted(vm, noWait ? "will stop" : "stopped", vm));
    }

    /// Waits until nobody runs the VM.
    void awaitStopped(FabricSession session, String vm) throws InterruptedException {
        Optional<VmPlacement> ended =
                session.await(
                        Duration.ofSeconds(timeoutSeconds),
                        image ->
                                Optional.ofNullable(image.placements().get(vm))
                                        .filter(p -> p.owner() == null));
        if (ended.isEmpty()) {
            throw CliFailure.failed(
                    "VM '%s' has not stopped after %d s; is its host alive (weft status)?"
                            .formatted(vm, timeoutSeconds));
        }
    }
}

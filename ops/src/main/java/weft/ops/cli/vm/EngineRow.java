package weft.ops.cli.vm;

import org.jspecify.annotations.Nullable;

import weft.fabric.FabricImage;
import weft.fabric.NodeId;
import weft.ops.cli.ByteSize;
import weft.ops.cli.HostSession;
import weft.wire.vm.VmFamily;
import weft.wire.vm.VmMessage;

import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/// What executes a VM's instructions, as its host says.
///
/// @param name as `--engine` takes it
/// @param instructions executed since the VM was made
/// @param translatedPercent of the instructions on this host, executed as translated code
/// @param codeBytes translated code, about where the JVM holds it; null if there is none
/// @param codeBytesMax its limit; null likewise
record EngineRow(
        String name,
        long instructions,
        double translatedPercent,
        @Nullable Long codeBytes,
        @Nullable Long codeBytesMax) {
    private static final int ANSWER_SECONDS = 3;

    /// Asks the host; empty if it does not answer, or the VM is not there.
    static Optional<EngineRow> ask(String vm, NodeId host, Supplier<FabricImage> image)
            throws InterruptedException {
        try (var hosts = new HostSession("show", new VmFamily(), image)) {
            var answer =
                    hosts.request(host, new VmMessage.AskEngine(vm))
                            .get(ANSWER_SECONDS, TimeUnit.SECONDS);
            return answer instanceof VmMessage.Engine engine
                    ? Optional.of(of(engine))
                    : Optional.empty();
        } catch (ExecutionException | TimeoutException e) {
            // What the records say is worth showing all the same.
            return Optional.empty();
        }
    }

    static EngineRow of(VmMessage.Engine engine) {
        boolean holdsCode = engine.codeBytesMax() > 0;
        double all = Math.max(1, engine.translated() + engine.interpreted());
        return new EngineRow(
                engine.name(),
                engine.instructions(),
                Math.round(1000 * engine.translated() / all) / 10.0,
                holdsCode ? engine.codeBytes() : null,
                holdsCode ? engine.codeBytesMax() : null);
    }

    String sentence() {
        var text = new StringBuilder(name);
        if (codeBytes != null && codeBytesMax != null) {
            text.append(
                    ", %s of %s code cache used"
                            .formatted(ByteSize.humane(codeBytes), ByteSize.humane(codeBytesMax)));
        }
        text.append(String.format(Locale.ROOT, ", %,d instructions", instructions));
        if (translatedPercent > 0) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            ", %.1f %% of them as translated code",
                            translatedPercent));
        }
        return text.toString();
    }
}

package weft.vmhost.agent;

import weft.transport.Caller;
import weft.transport.Endpoint;
import weft.vmhost.hart.Hart;
import weft.vmhost.machine.EngineSet;
import weft.vmhost.machine.Machine;
import weft.vmhost.translator.TranslatorCounts;
import weft.wire.WireMessage;
import weft.wire.vm.VmMessage;

import java.util.Optional;
import java.util.function.Function;

/// Answers what people ask about a VM that is here. All answers are at hand: nothing waits.
final class VmInquiry implements Endpoint {
    private final Function<String, Optional<Machine>> machines;

    /// @param machines finds the machine of a VM that is here
    VmInquiry(Function<String, Optional<Machine>> machines) {
        this.machines = machines;
    }

    @Override
    public void onMessage(WireMessage message, Caller caller) {
        switch (message) {
            case VmMessage.AskEngine ask -> caller.reply(answer(ask));
            default -> caller.fail("not a question about a VM");
        }
    }

    private VmMessage answer(VmMessage.AskEngine ask) {
        return machines.apply(ask.vm())
                .<VmMessage>map(VmInquiry::engineOf)
                .orElseGet(() -> new VmMessage.NotHere("VM '" + ask.vm() + "' does not run here"));
    }

    private static VmMessage.Engine engineOf(Machine machine) {
        EngineSet engines = machine.engines();
        TranslatorCounts counts = engines.counts();
        return new VmMessage.Engine(
                engines.name(),
                instructionsOf(machine),
                counts.instructionsTranslated(),
                counts.instructionsInterpreted(),
                counts.codeBytes(),
                engines.codeBytesMax());
    }

    /// Retired by all harts, as of each one's last quantum: they are at work.
    static long instructionsOf(Machine machine) {
        return machine.harts().stream().mapToLong(Hart::retiredInstructions).sum();
    }
}

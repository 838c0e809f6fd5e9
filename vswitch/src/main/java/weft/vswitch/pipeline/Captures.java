package weft.vswitch.pipeline;

import org.jspecify.annotations.Nullable;

import weft.runtime.Owned;
import weft.vswitch.port.FrameSink;
import weft.vswitch.port.FrameSink.Direction;

import java.util.ArrayList;
import java.util.List;

/// Shows the frame in hand to those who want to see it. Costs nothing while nobody does.
@Owned("the switch's loop")
final class Captures {
    private record Capture(FrameSink.Scope scope, FrameSink sink) {}

    private final FrameInHand inHand;
    private Capture[] all = {};

    Captures(FrameInHand inHand) {
        this.inHand = inHand;
    }

    void add(FrameSink.Scope scope, FrameSink sink) {
        List<Capture> more = new ArrayList<>(List.of(all));
        more.add(new Capture(scope, sink));
        all = more.toArray(Capture[]::new);
    }

    void remove(FrameSink sink) {
        List<Capture> fewer = new ArrayList<>(List.of(all));
        fewer.removeIf(capture -> capture.sink == sink);
        all = fewer.toArray(Capture[]::new);
    }

    /// Shows the frame where it passes: at a port or a VTEP.
    void show(
            Direction direction, String network, @Nullable PluggedPort port, @Nullable Vtep vtep) {
        if (all.length == 0) {
            return;
        }
        String where = port != null ? port.id : String.valueOf(vtep == null ? "" : vtep.address());
        for (Capture capture : all) {
            boolean isWanted =
                    switch (capture.scope) {
                        case FrameSink.Scope.OfNetwork(String name) -> name.equals(network);
                        case FrameSink.Scope.OfPort(String id) ->
                                port != null && port.id.equals(id);
                    };
            if (isWanted) {
                var ethernet = inHand.ethernet;
                capture.sink.frame(
                        direction,
                        where,
                        ethernet.bytes(),
                        ethernet.offset(),
                        ethernet.lengthBytes());
            }
        }
    }
}

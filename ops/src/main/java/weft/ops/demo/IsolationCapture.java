package weft.ops.demo;

import weft.fabric.FabricImage;
import weft.fabric.MacAddress;
import weft.fabric.NodeId;
import weft.fabric.PortBinding;
import weft.ops.cli.network.CaptureClient;
import weft.ops.cli.network.CaptureClient.Batch;
import weft.ops.cli.network.CaptureClient.HostCapture;
import weft.ops.cli.network.CaptureClient.SeenFrame;
import weft.ops.cli.network.FrameSummary;
import weft.wire.capture.CaptureMessage.Direction;
import weft.wire.capture.CaptureMessage.Scope;

import java.io.IOException;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/// Captures of two networks at one host's switch, while one of them is noisy: what was heard where.
final class IsolationCapture implements AutoCloseable {
    private final Supplier<FabricImage> image;
    private final CaptureClient client;
    private final Watched noisy;
    private final Watched quiet;

    private IsolationCapture(
            Supplier<FabricImage> image, CaptureClient client, Watched noisy, Watched quiet) {
        this.image = image;
        this.client = client;
        this.noisy = noisy;
        this.quiet = quiet;
    }

    static IsolationCapture start(
            Supplier<FabricImage> image, NodeId host, String noisy, String quiet)
            throws IOException, InterruptedException {
        var client = new CaptureClient(image);
        try {
            return new IsolationCapture(
                    image,
                    client,
                    new Watched(noisy, client.start(host, Scope.NETWORK, noisy)),
                    new Watched(quiet, client.start(host, Scope.NETWORK, quiet)));
        } catch (IOException | InterruptedException e) {
            client.close();
            throw e;
        }
    }

    /// What was captured. Frames are counted once, where they enter the switch.
    ///
    /// @param noisyArp ARP frames of the noisy network
    /// @param noisyIcmp pings and their answers in it
    /// @param quietOwn frames that the quiet network's own VMs sent
    /// @param foreign frames of a VM of one network that passed in the other, anywhere
    /// @param lost frames that passed uncaptured
    record Findings(long noisyArp, long noisyIcmp, long quietOwn, long foreign, long lost) {}

    /// A network and what its capture has shown so far.
    private static final class Watched {
        final String network;
        final HostCapture capture;
        long arp;
        long icmp;
        long entered;
        long foreign;
        long lost;

        Watched(String network, HostCapture capture) {
            this.network = network;
            this.capture = capture;
        }

        void add(Batch batch, Set<MacAddress> own) {
            lost += batch.lost();
            for (SeenFrame frame : batch.frames()) {
                FrameSummary summary = FrameSummary.of(frame.bytes());
                if (!own.contains(summary.source())) {
                    foreign++;
                }
                if (frame.direction() == Direction.FROM_PORT
                        || frame.direction() == Direction.FROM_TUNNEL) {
                    entered++;
                    arp += summary.isArp() ? 1 : 0;
                    icmp += summary.isIcmp() ? 1 : 0;
                }
            }
        }
    }

    /// Reads what has come; a capture that nobody reads would end itself.
    void read() throws IOException, InterruptedException {
        noisy.add(noisy.capture.readNow(), macsOf(noisy.network));
        quiet.add(quiet.capture.readNow(), macsOf(quiet.network));
    }

    /// Ends both captures and says what they have shown.
    Findings finish() throws IOException, InterruptedException {
        noisy.add(noisy.capture.stop(), macsOf(noisy.network));
        quiet.add(quiet.capture.stop(), macsOf(quiet.network));
        return new Findings(
                noisy.arp,
                noisy.icmp,
                quiet.entered,
                noisy.foreign + quiet.foreign,
                noisy.lost + quiet.lost);
    }

    private Set<MacAddress> macsOf(String network) {
        return image.get().ports().values().stream()
                .filter(port -> port.network().equals(network))
                .map(PortBinding::mac)
                .collect(Collectors.toSet());
    }

    @Override
    public void close() {
        client.close();
    }
}

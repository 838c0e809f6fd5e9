package weft.ops.cli.vm;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import weft.ops.admin.Refusal;
import weft.ops.admin.VmAdmin;
import weft.ops.cli.ExitCode;
import weft.ops.cli.FabricOptions;
import weft.ops.cli.FabricSession;
import weft.ops.cli.RawTerminal;
import weft.wire.console.ConsoleMessage;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.concurrent.Callable;

@Command(
        name = "console",
        description = "Attach to a VM's serial console; Ctrl-] leaves. It follows a migration.",
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  weft vm console web1"})
final class VmConsole implements Callable<Integer> {
    @Mixin private FabricOptions fabric = new FabricOptions();

    @Parameters(paramLabel = "NAME", description = "The VM's name.")
    private String name = "";

    @Option(names = "--history", description = "Show what was printed before, too.")
    private boolean history;

    private volatile boolean left;

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (var session = FabricSession.open(fabric)) {
            VmAdmin.find(session.image(), name);
            long from = history ? ConsoleMessage.FROM_START_OF_BACKLOG : ConsoleMessage.FROM_NOW;
            try (var client = new ConsoleClient(name, session::image, from)) {
                System.err.println(
                        "console of VM " + name + "; Ctrl-] leaves, Enter shows a prompt");
                try (RawTerminal _ =
                        System.console() != null && System.console().isTerminal()
                                ? RawTerminal.take()
                                : null) {
                    Thread typing =
                            Thread.ofPlatform()
                                    .daemon(true)
                                    .name("typing")
                                    .start(() -> type(client));
                    print(client, System.out);
                    typing.interrupt();
                }
                System.err.println();
                System.err.println("left the console of VM " + name);
            }
        }
        return ExitCode.OK.value();
    }

    private void print(ConsoleClient client, PrintStream out)
            throws IOException, InterruptedException {
        while (!left) {
            try {
                out.write(client.read());
                out.flush();
            } catch (Refusal e) {
                // It was switched off while we watched: that is no failure of this command.
                System.err.print("\r\n" + e.getMessage());
                return;
            }
        }
    }

    private void type(ConsoleClient client) {
        InputStream in = System.in;
        var typed = new byte[1024];
        try {
            while (!left) {
                int count = in.read(typed);
                int escape = count < 0 ? 0 : indexOfEscape(typed, count);
                int length = escape >= 0 ? escape : count;
                if (count > 0 && length > 0) {
                    client.write(typed, length);
                }
                if (escape >= 0 && count >= 0) {
                    left = true;
                } else if (count < 0) {
                    return;
                }
            }
        } catch (IOException | InterruptedException | Refusal e) {
            left = true;
        }
    }

    private static int indexOfEscape(byte[] bytes, int lengthBytes) {
        for (int i = 0; i < lengthBytes; i++) {
            if (bytes[i] == RawTerminal.ESCAPE) {
                return i;
            }
        }
        return -1;
    }
}

package weft.ops.demo;

import weft.fabric.FabricImage;
import weft.ops.cli.vm.ConsoleClient;
import weft.runtime.BootClock;
import weft.wire.console.ConsoleMessage;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A shell in a guest, used through its serial console as a person would: a command is typed, its
/// output is read up to a mark that the shell prints after it, with the exit status.
public final class GuestShell implements AutoCloseable {
    /// What the guest prints when its shell is ready; `debian-micro` prints it with its uptime.
    private static final Pattern READY = Pattern.compile("WEFT-READY uptime=([0-9.]+)");

    private static final int KEPT_CHARACTERS_MAX = 1 << 20;

    private final String vm;
    private final ConsoleClient console;
    private final StringBuilder unread = new StringBuilder();
    private int commands;

    public GuestShell(String vm, Supplier<FabricImage> image) {
        this.vm = vm;
        console = new ConsoleClient(vm, image, ConsoleMessage.FROM_START_OF_BACKLOG);
    }

    /// The guest's VM.
    String vm() {
        return vm;
    }

    /// What a command printed, and how it ended.
    public record Result(String output, int status) {
        /// The output, of a command that must have succeeded.
        public String orFail(String what) {
            DemoFailure.unless(
                    status == 0, "%s: exit status %d, output: %s", what, status, output.strip());
            return output.strip();
        }
    }

    /// Waits until the guest has booted to its shell, and makes the shell quiet.
    ///
    /// @return the guest's uptime when it was ready, in seconds
    public double awaitBoot(Duration patience) throws IOException, InterruptedException {
        Matcher ready = await(READY, patience, "boot to a shell");
        double uptime = Double.parseDouble(ready.group(1));
        // No echo and no prompt: what is read from here on is what commands print.
        type("stty -echo; PS1=''; PS2=''\n");
        var _ = run("dmesg -n 1", Duration.ofSeconds(30));
        return uptime;
    }

    /// Runs a command line to its end.
    public Result run(String command, Duration patience) throws IOException, InterruptedException {
        int number = ++commands;
        // The mark is written in two parts, so that an echo of the command line is not taken for
        // it.
        type("{ " + command + "\n}; echo \"@@\"'end'" + number + ":$?\n");
        Matcher end =
                await(
                        Pattern.compile("@@end" + number + ":([0-9]+)"),
                        patience,
                        "end of '" + command + "'");
        return new Result(before, Integer.parseInt(end.group(1)));
    }

    private String before = "";

    private Matcher await(Pattern pattern, Duration patience, String what)
            throws IOException, InterruptedException {
        long endNanos = BootClock.SYSTEM.nowNanos() + patience.toNanos();
        while (true) {
            Matcher matcher = pattern.matcher(unread);
            if (matcher.find()) {
                before = unread.substring(0, matcher.start()).replace("\r", "");
                var found = matcher.toMatchResult();
                String matched = unread.substring(matcher.start(), matcher.end());
                unread.delete(0, found.end());
                Matcher copy = pattern.matcher(matched);
                var _ = copy.find();
                return copy;
            }
            DemoFailure.unless(
                    BootClock.SYSTEM.nowNanos() < endNanos,
                    "VM %s: no %s within %d s; its console says: %s",
                    vm,
                    what,
                    patience.toSeconds(),
                    tail());
            unread.append(new String(console.read(), StandardCharsets.UTF_8));
            if (unread.length() > KEPT_CHARACTERS_MAX) {
                unread.delete(0, unread.length() - KEPT_CHARACTERS_MAX);
            }
        }
    }

    private String tail() {
        String text = unread.toString().replace("\r", "").strip();
        return text.length() > 300 ? "…" + text.substring(text.length() - 300) : text;
    }

    private void type(String text) throws IOException, InterruptedException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        console.write(bytes, bytes.length);
    }

    @Override
    public void close() {
        console.close();
    }
}

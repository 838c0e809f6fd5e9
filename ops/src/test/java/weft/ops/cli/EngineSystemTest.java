package weft.ops.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import weft.fabric.NodeId;
import weft.fabric.NodePresence;
import weft.fixtures.Await;
import weft.ops.cli.LoopbackFabric.Ended;
import weft.ops.node.HostOffer;
import weft.ops.node.Part;
import weft.vmhost.machine.EngineKind;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// An operator chooses what executes a host's guests, and sees what it does: in `weft vm show` and
/// on the host's metrics page. Host 1 has the best engine of this machine, host 3 interprets, host
/// 4 has the JVM compile its regions.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
final class EngineSystemTest {
    private static final String CREATE =
            "vm create %s --image busy --memory 96M --disk 4M --network blue --host %s";

    private LoopbackFabric fabric;
    private Part host3;
    private Part host4;

    @BeforeAll
    void aBusyVmOnEachHost(@TempDir Path folder) throws Exception {
        fabric = LoopbackFabric.start(folder.resolve("fabric"));
        var interpreted = new HostOffer(256L << 20, EngineKind.INTERPRETER);
        host3 = Part.host(fabric.layout().part(NodePresence.Role.HOST, 3, interpreted));
        var translated = new HostOffer(256L << 20, EngineKind.TRANSLATOR);
        host4 = Part.host(fabric.layout().part(NodePresence.Role.HOST, 4, translated));
        byte[] kernel = TinyImage.kernel(0x0012_8293, 0xffdf_f06f); // addi t0, t0, 1; jal x0, -4
        TinyImage.importTo(fabric, folder, "busy", kernel, TinyImage.emptyArchive());
        for (String host : new String[] {"host3", "host4"}) {
            Await.until(
                    host + " is seen",
                    () ->
                            fabric.session()
                                    .image()
                                    .presence(NodePresence.Role.HOST, new NodeId(host))
                                    .isPresent());
        }
        type("network create blue --vlan 10");
        type(CREATE.formatted("fast", "host1"));
        type(CREATE.formatted("slow", "host3"));
        type(CREATE.formatted("classes", "host4"));
    }

    @AfterAll
    void stop() {
        host4.close();
        host3.close();
        fabric.close();
    }

    private Ended type(String line) {
        Ended ended = fabric.type(line);
        assertEquals(0, ended.exitCode(), line + ": " + ended.err());
        return ended;
    }

    @Test
    void aVmShowsItsEngineAndHowMuchCodeThatHas() throws Exception {
        String best = EngineKind.best().lowerCase();
        Await.until(
                "the loop is translated",
                () -> number("\"translatedPercent\":", type("vm show fast --json").out()) > 50);
        String json = type("vm show fast --json").out();
        assertTrue(json.contains("\"engine\":{\"name\":\"" + best + "\""), json);
        assertTrue(number("\"instructions\":", json) > 10_000, json);
        String text = type("vm show fast").out();
        assertTrue(text.contains("engine     " + best + ", "), text);
        assertTrue(text.contains("% of them as translated code"), text);
        if (EngineKind.best() == EngineKind.NATIVE) {
            double limit = number("\"codeBytesMax\":", json);
            double used = number("\"codeBytes\":", json);
            assertTrue(used > 0 && used <= limit, json);
            assertTrue(text.contains("of 128M code cache used"), text);
        }
    }

    @Test
    void aHostExecutesWithTheEngineThatWasChosen() throws Exception {
        Await.until(
                "the guest works",
                () -> number("\"instructions\":", type("vm show slow --json").out()) > 10_000);
        Ended ended = type("vm show slow");
        assertTrue(ended.out().contains("engine     interpreter, "), ended.out());
        assertFalse(ended.out().contains("code cache"), ended.out());
    }

    @Test
    void whatTheJvmHoldsOfAVmsCodeIsShownToo() throws Exception {
        Await.until(
                "the loop is translated",
                () -> number("\"codeBytes\":", type("vm show classes --json").out()) > 0);
        String json = type("vm show classes --json").out();
        assertTrue(number("\"codeBytes\":", json) <= number("\"codeBytesMax\":", json), json);
        String text = type("vm show classes").out();
        assertTrue(text.contains("engine     translator, "), text);
        assertTrue(text.contains(" code cache used"), text);
    }

    @Test
    void aVmThatIsSwitchedOffHasNoEngine() {
        type(CREATE.formatted("off", "host2") + " --stopped");
        assertFalse(type("vm show off").out().contains("engine"));
        assertTrue(type("vm show off --json").out().contains("\"engine\":null"));
    }

    @Test
    void theCodeOfARunningVmIsOnTheMetricsPage() throws Exception {
        String tags =
                "engine=\"%s\",host=\"host1\",vm=\"fast\"".formatted(EngineKind.best().lowerCase());
        Await.until(
                "it works and is counted",
                () -> meter("weft_vmhost_instructions_total", tags) > 10_000);
        if (EngineKind.best() == EngineKind.NATIVE) {
            Await.until("it has code", () -> meter("weft_vmhost_code_bytes", tags) > 0);
            assertEquals(128 << 20, meter("weft_vmhost_code_limit_bytes", tags));
        }
        assertEquals(0, meter("weft_vmhost_code_flushes_total", tags));
        type(CREATE.formatted("brief", "host1"));
        assertTrue(page().contains("vm=\"brief\""));
        type("vm stop brief --force");
        assertFalse(page().contains("vm=\"brief\""), "a meter of a VM that is not here");
    }

    @Test
    void anEngineThatDoesNotExistIsRefusedByName() {
        for (String part :
                new String[] {
                    "host --name x --listen 127.0.0.1:1 --engine qemu",
                    "all --data x --loopback 1 --engine qemu"
                }) {
            Ended ended = fabric.type("node " + part);
            assertEquals(ExitCode.USAGE.value(), ended.exitCode());
            assertTrue(ended.err().contains("'--engine'"), ended.err());
            assertTrue(ended.err().contains("INTERPRETER, TRANSLATOR, NATIVE"), ended.err());
            assertEquals(1, ended.err().lines().count(), ended.err());
        }
    }

    private double meter(String name, String tags) throws Exception {
        return number(Pattern.quote(name + "{" + tags + "} "), page());
    }

    private String page() throws Exception {
        String at =
                fabric.session()
                        .image()
                        .presence(NodePresence.Role.HOST, new NodeId("host1"))
                        .orElseThrow()
                        .metrics();
        try (var client = HttpClient.newHttpClient()) {
            var request = HttpRequest.newBuilder(URI.create("http://" + at + "/metrics")).build();
            return client.send(request, BodyHandlers.ofString()).body();
        }
    }

    /// The number behind these words; -1 if they do not stand there.
    private static double number(String before, String text) {
        Matcher found = Pattern.compile(before + "(-?[0-9.]+(?:[eE][0-9]+)?)").matcher(text);
        return found.find() ? Double.parseDouble(found.group(1)) : -1;
    }
}

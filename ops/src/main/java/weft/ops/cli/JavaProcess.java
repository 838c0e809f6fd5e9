package weft.ops.cli;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The command line of another Weft process with the class path of this one: for what must outlive
/// the command, or die alone. It gets the full compiler, not the quick start of commands.
public final class JavaProcess {
    private JavaProcess() {}

    /// What there can be one process of, as it names a port or a file.
    private static final List<String> OF_ONE_PROCESS =
            List.of("-agentlib", "-agentpath", "-javaagent", "-Xrun", "-Dcom.sun.management.jmx");

    /// Another process like this one: the same Java, its options, but for debuggers and the like,
    /// and its class path.
    ///
    /// @param more options
    public static List<String> again(List<String> more, List<String> arguments) {
        var command = new ArrayList<String>();
        command.add(java());
        for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (OF_ONE_PROCESS.stream().noneMatch(option::startsWith)) {
                command.add(option);
            }
        }
        command.addAll(more);
        return withMain(command, arguments);
    }

    private static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private static List<String> withMain(List<String> command, List<String> arguments) {
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(Weft.class.getName());
        command.addAll(arguments);
        return List.copyOf(command);
    }

    /// Java, its flags, and `weft` with the arguments; the process logs to the file.
    ///
    /// @param jvmOptions more of them, such as `-Xmx2g`
    public static List<String> command(
            Path logFile, List<String> jvmOptions, List<String> arguments) {
        var command = new ArrayList<String>();
        command.add(java());
        command.add("-ea");
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("--sun-misc-unsafe-memory-access=allow");
        // Looking for leaks of buffers costs 4 % of what moves bytes.
        command.add("-Dio.netty.leakDetection.level=disabled");
        command.add("-Dweft.log.to=file");
        command.add("-Dweft.log.level=INFO");
        command.add("-Dweft.log.libraries=ERROR");
        command.add("-Dweft.log.file=" + logFile.toAbsolutePath());
        command.addAll(jvmOptions);
        return withMain(command, arguments);
    }
}

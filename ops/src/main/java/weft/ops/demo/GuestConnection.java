package weft.ops.demo;

import static weft.ops.demo.Scene.COMMAND_PATIENCE;
import static weft.ops.demo.Scene.LONG_PATIENCE;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// One TCP connection between two guests, on which one talks all the time: each line is its number,
/// and the talker's uptime and date when it was written. What the listener has got tells whether
/// the connection lived, and how the talker's clocks went.
final class GuestConnection {
    private static final int PORT = 5000;

    private static final String TALKER =
            """
            cat > /tmp/talker <<'END'
            i=0
            while [ -e /tmp/talk ]; do
              read up idle < /proc/uptime
              echo "$i $up $(date +%s)"
              i=$((i+1))
              usleep 50000
            done
            echo end
            END
            touch /tmp/talk; (sh /tmp/talker | nc -l -p PORT > /dev/null 2>&1 &)\
            """
                    .replace("PORT", Integer.toString(PORT));

    /// A FIFO opened for reading and writing never ends, so the listener's side stays open. What is
    /// tried again is only a talker that does not listen yet: it takes one connection.
    private static final String LISTENER =
            """
            cat > /tmp/listener <<'END'
            mkfifo /tmp/silence
            until nc %s %d <> /tmp/silence > /tmp/heard || [ -s /tmp/heard ]; do usleep 200000; done
            touch /tmp/over
            END
            (sh /tmp/listener > /dev/null 2>&1 &)\
            """;

    private final GuestShell talker;
    private final GuestShell listener;

    private GuestConnection(GuestShell talker, GuestShell listener) {
        this.talker = talker;
        this.listener = listener;
    }

    /// A line, as the listener got it.
    record Line(long number, double uptimeSeconds, long epochSeconds) {
        static Line parse(String text) {
            String[] words = text.split(" ", -1);
            DemoFailure.unless(words.length == 3, "the connection brought '%s'", text);
            return new Line(
                    Long.parseLong(words[0]),
                    Double.parseDouble(words[1]),
                    Long.parseLong(words[2]));
        }
    }

    /// Opens it and waits until it has carried something.
    static GuestConnection open(GuestShell talker, GuestShell listener, String talkerAddress)
            throws IOException, InterruptedException {
        talker.run(TALKER, COMMAND_PATIENCE).orFail("a listening socket in " + talker.vm());
        listener.run(LISTENER.formatted(talkerAddress, PORT), COMMAND_PATIENCE)
                .orFail("a connection from " + listener.vm());
        listener.run("until [ -s /tmp/heard ]; do sleep 1; done", COMMAND_PATIENCE)
                .orFail("the first line of the connection");
        return new GuestConnection(talker, listener);
    }

    /// The number of the last line that has come.
    long lastNumber() throws IOException, InterruptedException {
        // The very last line may still be coming.
        String line =
                listener.run("tail -n 2 /tmp/heard | head -n 1", COMMAND_PATIENCE)
                        .orFail("the last line of the connection");
        return Line.parse(line).number();
    }

    /// Lets the talker end it, and returns all that came. It must be whole: every line, in order,
    /// and the talker's own end at the end.
    List<Line> close() throws IOException, InterruptedException {
        talker.run("rm /tmp/talk", COMMAND_PATIENCE).orFail("end of the talker");
        String heard =
                listener.run(
                                "until [ -e /tmp/over ]; do sleep 1; done; cat /tmp/heard",
                                LONG_PATIENCE)
                        .orFail("what the connection brought");
        List<String> texts = heard.lines().map(String::strip).toList();
        DemoFailure.unless(
                texts.size() > 1 && texts.getLast().equals("end"),
                "the connection broke after line %d: %s",
                texts.size(),
                texts.isEmpty() ? "" : texts.getLast());
        var lines = new ArrayList<Line>();
        for (String text : texts.subList(0, texts.size() - 1)) {
            Line line = Line.parse(text);
            DemoFailure.unless(
                    line.number() == lines.size(),
                    "the connection brought line %d where %d belongs",
                    line.number(),
                    lines.size());
            lines.add(line);
        }
        return lines;
    }
}

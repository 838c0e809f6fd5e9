package weft.ops.cli.pool;

import org.jspecify.annotations.Nullable;

import weft.fabric.PoolSettings;
import weft.ops.cli.ByteSize;
import weft.ops.cli.CliFailure;
import weft.ops.cli.TimeSpan;
import weft.storage.server.ScrubSettings;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// What `weft pool set` sets: its name, what can be said of it, and where it stands in the record.
enum PoolSetting {
    SCRUB_RATE(
            "how fast each store reads what it verifies, in bytes a second",
            Kind.SIZE,
            64 << 10,
            ByteSize.BYTES_MAX,
            ScrubSettings.DEFAULT.bytesPerSecond(),
            PoolSettings::scrubBytesPerSecond),
    SCRUB_PERIOD(
            "after which the data of a placement group are verified again",
            Kind.TIME,
            60,
            PoolSettings.SECONDS_MAX,
            ScrubSettings.DEFAULT.period().toSeconds(),
            PoolSettings::scrubPeriodSeconds),
    LIGHT_SCRUB_PERIOD(
            "after which the copies of a placement group are compared again",
            Kind.TIME,
            60,
            PoolSettings.SECONDS_MAX,
            ScrubSettings.DEFAULT.lightPeriod().toSeconds(),
            PoolSettings::lightScrubPeriodSeconds),
    REPLACE_AFTER(
            "a store that is away for so long is replaced",
            Kind.TIME,
            0,
            PoolSettings.SECONDS_MAX,
            PoolSetting.BY_OPTION,
            PoolSettings::replaceAfterSeconds),
    MOVES(
            "placement groups that are copied at once",
            Kind.COUNT,
            1,
            PoolSettings.MOVES_MAX,
            PoolSetting.BY_OPTION,
            PoolSettings::moves),
    MOVES_PER_NODE(
            "of those, how many from one store, and how many to one",
            Kind.COUNT,
            1,
            PoolSettings.MOVES_MAX,
            PoolSetting.BY_OPTION,
            PoolSettings::movesPerStore);

    /// Each control process was told by its options, and nobody else knows.
    private static final long BY_OPTION = -1;

    /// How a value is typed.
    private enum Kind {
        SIZE,
        TIME,
        COUNT
    }

    private final String meaning;
    private final Kind kind;
    private final long least;
    private final long most;
    private final long byDefault;
    private final Function<PoolSettings, @Nullable Number> field;

    PoolSetting(
            String meaning,
            Kind kind,
            long least,
            long most,
            long byDefault,
            Function<PoolSettings, @Nullable Number> field) {
        this.meaning = meaning;
        this.kind = kind;
        this.least = least;
        this.most = most;
        this.byDefault = byDefault;
        this.field = field;
    }

    /// The setting of that name.
    ///
    /// @throws CliFailure `USAGE`
    static PoolSetting named(String name) {
        return Arrays.stream(values())
                .filter(setting -> setting.typed().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        CliFailure.usage(
                                "no setting '%s': there are %s"
                                        .formatted(
                                                name,
                                                Arrays.stream(values())
                                                        .map(PoolSetting::typed)
                                                        .collect(Collectors.joining(", ")))));
    }

    /// Its name as people type it.
    String typed() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String meaning() {
        return meaning;
    }

    /// What was typed.
    ///
    /// @throws CliFailure `USAGE`, saying what was wrong
    long parse(String value) {
        long number;
        try {
            number =
                    switch (kind) {
                        case SIZE -> ByteSize.parse(value).bytes();
                        case TIME -> TimeSpan.parse(value);
                        case COUNT -> count(value);
                    };
        } catch (IllegalArgumentException e) {
            throw CliFailure.usage(typed() + ": " + e.getMessage());
        }
        if (number < least || number > most) {
            throw CliFailure.usage(
                    "%s: %s is not in %s to %s"
                            .formatted(typed(), value, format(least), format(most)));
        }
        return number;
    }

    private static long count(String value) {
        if (!value.matches("[0-9]{1,9}")) {
            throw new IllegalArgumentException("'" + value + "' is not a number");
        }
        return Long.parseLong(value);
    }

    private String format(long value) {
        return switch (kind) {
            case SIZE -> ByteSize.humane(value);
            case TIME -> TimeSpan.format(Duration.ofSeconds(value));
            case COUNT -> Long.toString(value);
        };
    }

    boolean isSet(PoolSettings settings) {
        return field.apply(settings) != null;
    }

    /// Its value as people type it; empty if control's options say it.
    Optional<String> valueIn(PoolSettings settings) {
        Number set = field.apply(settings);
        long value = set == null ? byDefault : set.longValue();
        return value == BY_OPTION ? Optional.empty() : Optional.of(format(value));
    }

    /// The settings with this one; null: as if nobody had set it.
    PoolSettings in(PoolSettings old, @Nullable Long value) {
        Integer count = value == null || kind != Kind.COUNT ? null : Math.toIntExact(value);
        return new PoolSettings(
                this == SCRUB_RATE ? value : old.scrubBytesPerSecond(),
                this == SCRUB_PERIOD ? value : old.scrubPeriodSeconds(),
                this == LIGHT_SCRUB_PERIOD ? value : old.lightScrubPeriodSeconds(),
                this == REPLACE_AFTER ? value : old.replaceAfterSeconds(),
                this == MOVES ? count : old.moves(),
                this == MOVES_PER_NODE ? count : old.movesPerStore());
    }

    /// A setting as it is shown.
    ///
    /// @param value as it is typed; null if control's options say it
    /// @param source `set`, `default`, or `options of control`
    record Row(String setting, @Nullable String value, String source, String meaning) {}

    Row row(PoolSettings settings) {
        Optional<String> value = valueIn(settings);
        String unset = value.isPresent() ? "default" : "options of control";
        return new Row(typed(), value.orElse(null), isSet(settings) ? "set" : unset, meaning);
    }
}

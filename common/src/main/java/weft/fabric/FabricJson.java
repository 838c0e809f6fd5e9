package weft.fabric;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;

import java.io.IOException;

/// The one form in which nouns are stored and shown by `--json`: the record's fields as a JSON
/// object. Unknown fields are skipped, so that the next release's records can be read.
public final class FabricJson {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build();

    private FabricJson() {}

    /// The record as UTF-8 JSON.
    public static byte[] write(Object noun) {
        try {
            return MAPPER.writeValueAsBytes(noun);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not a noun of the fabric: " + noun.getClass(), e);
        }
    }

    /// The record that [#write] made.
    ///
    /// @throws IOException if the bytes are not such a record
    public static <T> T read(byte[] json, Class<T> type) throws IOException {
        return MAPPER.readValue(json, type);
    }
}

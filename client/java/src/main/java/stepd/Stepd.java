package stepd;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.msgpack.jackson.dataformat.MessagePackFactory;

/** The connections to one server: one msgpack request and its answer, sent again where that is safe and worth it. */
public final class Stepd {
  private static final String MSGPACK = "application/msgpack";
  private static final ObjectMapper msgpack = new ObjectMapper(new MessagePackFactory());
  private static final ObjectMapper json = new ObjectMapper();

  private final String base;
  private final Options options;
  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  /** A client of the server at the address, as {@code http://127.0.0.1:8080}. Connects with the first request. */
  public Stepd(String address, Options options) {
    this.base = address.replaceAll("/+$", "");
    this.options = options;
  }

  public Stepd(String address) {
    this(address, Options.DEFAULT);
  }

  /**
   * Create the session, or attach to the one that exists with the same specification.
   *
   * @param spec {@code chain}, {@code tensors}, {@code seed}, {@code ttl_s}, {@code workers}, as in the protocol; empty to attach only
   * @param params initial parameters: with them the server keeps and updates its own copy; or null
   */
  public Session open(String id, Map<String, ?> spec, Tensors params) {
    Map<String, Object> body = new LinkedHashMap<>(spec);
    if (params != null) body.put("params", params.toWire(Tensors.Dtype.F32));
    String path = "/v1/sessions/" + id;
    return new Session(this, path, map(call("PUT", path, body, true)));
  }

  /** Send, and answer with the bytes of the answer. What is not safe is sent once. */
  byte[] call(String method, String path, Map<String, ?> body, boolean safe) {
    Instant until = Instant.now().plus(options.total());
    byte[] content = body == null ? null : encode(body);
    for (int attempt = 1; ; attempt++) {
      Duration after;
      RuntimeException error;
      try {
        return once(method, path, content, Duration.between(Instant.now(), until));
      } catch (Refusal refusal) {
        // An earlier DELETE was carried out and its answer lost.
        if (refusal.status == 404 && method.equals("DELETE") && attempt > 1) return new byte[0];
        if (!Vocabulary.RETRYABLE.contains(refusal.status)) throw refusal;
        error = refusal;
        after = refusal.retryAfter;
      } catch (NoAnswer lost) {
        error = lost;
        after = Duration.ZERO;
      }
      long longest = Math.min(options.cap().toMillis(), options.base().toMillis() << Math.min(attempt - 1, 20));
      Duration wait = after.plusMillis(ThreadLocalRandom.current().nextLong(longest + 1));
      if (!safe || attempt >= options.attempts() || Instant.now().plus(wait).isAfter(until)) throw error;
      pause(wait, error);
    }
  }

  private byte[] once(String method, String path, byte[] content, Duration left) {
    Duration limit = left.compareTo(options.timeout()) < 0 ? left : options.timeout();
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(base + path))
            .timeout(limit.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : limit)
            .header("Accept", MSGPACK + ", application/octet-stream");
    if (options.apiKey() != null) request.header("Authorization", "Bearer " + options.apiKey());
    if (content == null) request.method(method, HttpRequest.BodyPublishers.noBody());
    else request.header("Content-Type", MSGPACK).method(method, HttpRequest.BodyPublishers.ofByteArray(content));
    String what = "Cannot " + method + " " + base + path;
    HttpResponse<byte[]> answer;
    try {
      answer = http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    } catch (IOException error) {
      throw new NoAnswer(what, error);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      throw new NoAnswer(what, error);
    }
    String kind = answer.headers().firstValue("content-type").orElse("no content type");
    boolean fine = answer.body().length == 0 || kind.contains("msgpack") || kind.contains("octet-stream");
    if (answer.statusCode() < 300 && fine) return answer.body();
    throw refusal(answer, kind, method + " " + base + path);
  }

  private static Refusal refusal(HttpResponse<byte[]> answer, String kind, String request) {
    String text = new String(answer.body(), java.nio.charset.StandardCharsets.UTF_8);
    Map<String, Object> problem = new LinkedHashMap<>();
    problem.put("code", "unknown");
    problem.put(
        "detail",
        request + " answered " + kind + ", expected " + MSGPACK + ": " + text.substring(0, Math.min(200, text.length())));
    try {
      if (kind.contains("json")) problem.putAll(json.readValue(answer.body(), new TypeReference<Map<String, Object>>() {}));
    } catch (IOException notJson) {
      // It stays unknown.
    }
    return new Refusal(answer.statusCode(), problem, retryAfter(answer.headers().firstValue("retry-after").orElse("")));
  }

  /** A number of seconds, or a date. */
  private static Duration retryAfter(String value) {
    if (value.matches("\\d{1,9}")) return Duration.ofSeconds(Long.parseLong(value));
    try {
      Instant date = ZonedDateTime.parse(value, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      Duration wait = Duration.between(Instant.now(), date);
      return wait.isNegative() ? Duration.ZERO : wait;
    } catch (DateTimeParseException none) {
      return Duration.ZERO;
    }
  }

  private static void pause(Duration wait, RuntimeException error) {
    try {
      Thread.sleep(wait.toMillis());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw error;
    }
  }

  static Map<String, Object> map(byte[] data) {
    try {
      return msgpack.readValue(data, new TypeReference<Map<String, Object>>() {});
    } catch (IOException error) {
      throw new IllegalStateException("Cannot read the answer: " + error.getMessage(), error);
    }
  }

  private static byte[] encode(Map<String, ?> body) {
    try {
      return msgpack.writeValueAsBytes(body);
    } catch (IOException error) {
      throw new IllegalArgumentException("Cannot write " + body.keySet() + " as msgpack: " + error.getMessage(), error);
    }
  }

  static Map<String, Object> json(byte[] data, int from, int length) {
    try {
      return json.readValue(data, from, length, new TypeReference<Map<String, Object>>() {});
    } catch (IOException error) {
      throw new IllegalStateException("Cannot read the answer: " + error.getMessage(), error);
    }
  }
}

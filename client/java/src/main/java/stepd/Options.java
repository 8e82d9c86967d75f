package stepd;

import java.time.Duration;

/**
 * Options of a connection. The wait before attempt n + 1 is random in [0, min(cap, base · 2ⁿ⁻¹)].
 *
 * @param apiKey sent as a bearer token, or null
 * @param timeout of one attempt
 * @param attempts in all, the first one included
 * @param base of the waits
 * @param cap of the waits; a longer {@code Retry-After} is honoured
 * @param total for all attempts and waits together
 */
public record Options(
    String apiKey, Duration timeout, int attempts, Duration base, Duration cap, Duration total) {

  /** The defaults: no key, 60 s, 8 attempts, 100 ms, 10 s, 2 min. */
  public static final Options DEFAULT =
      new Options(
          null, Duration.ofSeconds(60), 8, Duration.ofMillis(100), Duration.ofSeconds(10), Duration.ofMinutes(2));

  public Options withApiKey(String key) {
    return new Options(key, timeout, attempts, base, cap, total);
  }
}

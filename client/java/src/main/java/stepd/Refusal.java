package stepd;

import java.time.Duration;
import java.util.Map;

/** The server refused. */
public final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The status of HTTP. */
  public final int status;

  /** One of {@link Vocabulary}; {@code unknown} where something else than stepd answered. */
  public final String code;

  /** The whole body (RFC 9457), with what the code adds: {@code current_step}, {@code path}, {@code nearest} … */
  public final transient Map<String, Object> problem;

  /** What {@code Retry-After} asked for. */
  public final Duration retryAfter;

  Refusal(int status, Map<String, Object> problem, Duration retryAfter) {
    super(problem.get("code") + " (" + status + "): " + problem.get("detail"));
    this.status = status;
    this.code = String.valueOf(problem.get("code"));
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

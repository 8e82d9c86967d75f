package stepd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An optimizer's state on the server, and the number of its latest step. Takes one step at a time. */
public final class Session {
  /**
   * The answer to a step.
   *
   * @param tensors the updates, or the parameters where they were wanted
   * @param replayed whether the server had taken this step before: an earlier answer was lost
   * @param stats where asked for: {@code grad_norm}, {@code update_norm}, {@code nonfinite} …
   */
  public record Step(long step, Tensors tensors, boolean replayed, boolean counted, Map<?, ?> stats) {}

  private final Stepd stepd;
  private final String path;
  private Map<String, Object> info;
  private long currentStep;

  Session(Stepd stepd, String path, Map<String, Object> info) {
    this.stepd = stepd;
    this.path = path;
    take(info);
  }

  /** What the server last said of the session; {@link #describe} asks again. */
  public synchronized Map<String, Object> info() {
    return info;
  }

  /** Number of the latest step that this client knows of. */
  public synchronized long currentStep() {
    return currentStep;
  }

  /**
   * Send the gradients of the next step. It is numbered, so a lost answer is asked for again and never counted twice.
   * After {@link NoAnswer} the step may have been taken: the same call settles it, another gradient is a {@code
   * step_conflict}.
   */
  public synchronized Step step(Tensors grads, StepOptions options) {
    Tensors.Dtype reply = options.reply == null ? options.dtype : options.reply;
    Map<String, Object> want = new LinkedHashMap<>(options.want);
    want.put("of", options.of);
    want.put("dtype", reply.name());
    Map<String, Object> body = new LinkedHashMap<>(options.fields);
    body.put("step", currentStep + 1);
    body.put("grads", grads.toWire(options.dtype));
    body.put("dtype", options.dtype.name());
    body.put("want", want);
    Map<String, Object> answer = Stepd.map(stepd.call("POST", path + "/steps", body, true));
    currentStep = ((Number) answer.get("step")).longValue();
    return new Step(
        currentStep,
        Tensors.fromWire(answer.get(options.of), reply),
        Boolean.TRUE.equals(answer.get("replayed")),
        Boolean.TRUE.equals(answer.get("counted")),
        (Map<?, ?>) answer.getOrDefault("stats", Map.of()));
  }

  public Step step(Tensors grads) {
    return step(grads, new StepOptions());
  }

  /** Ask how the session stands; takes over its step, as after a {@code step_conflict}. */
  public synchronized Map<String, Object> describe() {
    return take(Stepd.map(stepd.call("GET", path, null, true)));
  }

  /** Replace options from the next step on. Sent once: it carries no number that would tell. */
  public synchronized Map<String, Object> setHyperparams(Map<String, Double> numbers) {
    return take(Stepd.map(stepd.call("PATCH", path, Map.of("hyperparams", numbers), false)));
  }

  /** The parameters that the server keeps, by name, after the session's latest step: a safetensors file, read. */
  public Map<String, float[]> params() {
    byte[] file = stepd.call("GET", path + "/params", null, true);
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    Map<String, Object> header = Stepd.json(file, 8, length);
    header.remove("__metadata__");
    Map<String, float[]> tensors = new LinkedHashMap<>();
    header.forEach(
        (name, entry) -> {
          List<?> offsets = (List<?>) ((Map<?, ?>) entry).get("data_offsets");
          int from = 8 + length + ((Number) offsets.get(0)).intValue();
          int to = 8 + length + ((Number) offsets.get(1)).intValue();
          tensors.put(name, Tensors.numbers(file, from, to, Tensors.Dtype.F32));
        });
    return tensors;
  }

  /** Forget the session. */
  public void delete() {
    stepd.call("DELETE", path, null, true);
  }

  private Map<String, Object> take(Map<String, Object> said) {
    info = said;
    currentStep = ((Number) said.get("step")).longValue();
    return info;
  }
}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import stepd.NoAnswer;
import stepd.Options;
import stepd.Refusal;
import stepd.Session;
import stepd.StepOptions;
import stepd.Stepd;
import stepd.Tensors;

/** Plays ../scenario.json: URL PREFIX SCENARIO OUT. What the actions mean is in ../README.md. */
class Player {
  private final Stepd stepd;
  private final String prefix;
  private final int worker;
  private final int workers;
  private final Map<String, Integer> sizes = new LinkedHashMap<>();
  private final List<Map<String, Object>> tensors = new ArrayList<>();
  private final Map<String, Session> sessions = new HashMap<>();
  private final Map<String, float[]> params = new HashMap<>();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  public static void main(String[] args) throws Exception {
    JsonNode scenario = new ObjectMapper().readTree(Path.of(args[2]).toFile());
    Player player = new Player(args, scenario.get("tensors"));
    for (JsonNode action : scenario.get("actions")) {
      String code = null;
      try {
        player.act(action);
      } catch (Refusal refusal) {
        code = refusal.code;
      }
      String expected = action.path("error").asText(null);
      if (!String.valueOf(code).equals(String.valueOf(expected)))
        throw new AssertionError(action + ": " + code + ", expected " + expected);
    }
    Files.write(Path.of(args[3]), player.written.toByteArray());
  }

  Player(String[] args, JsonNode declared) {
    Options defaults = Options.DEFAULT;
    this.stepd =
        new Stepd(
            args[0],
            new Options(
                System.getenv("STEPD_API_KEY"),
                defaults.timeout(),
                8,
                Duration.ofMillis(5),
                defaults.cap(),
                defaults.total()));
    this.prefix = args[1];
    this.worker = args.length > 4 ? Integer.parseInt(args[4]) : 0;
    this.workers = args.length > 5 ? Integer.parseInt(args[5]) : 0;
    for (JsonNode tensor : declared) {
      List<Integer> shape = new ArrayList<>();
      tensor.get("shape").forEach(extent -> shape.add(extent.asInt()));
      String name = tensor.get("name").asText();
      sizes.put(name, shape.stream().reduce(1, (a, b) -> a * b));
      tensors.add(Map.of("name", name, "shape", shape));
    }
  }

  void act(JsonNode action) {
    String as = action.get("as").asText();
    Session session = sessions.get(as);
    switch (action.get("do").asText()) {
      case "open" -> open(as, action);
      case "step" -> {
        for (int i = 0; i < action.path("times").asInt(1); i++) step(as, action);
      }
      case "set" -> set(session, numbers(action));
      case "describe" -> {
        session.describe();
        expect(action, session.currentStep() == action.path("step").asInt());
      }
      case "fetch" -> params.put(as, pack(Tensors.named(session.params())));
      case "compare" -> expect(action, Arrays.equals(pack(Tensors.named(session.params())), params.get(as)));
      case "write" -> {
        float[] numbers = params.get(as);
        ByteBuffer bytes = ByteBuffer.allocate(4 * numbers.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(numbers);
        written.writeBytes(bytes.array());
      }
      case "delete" -> session.delete();
      default -> expect(action, false);
    }
  }

  private void open(String as, JsonNode action) {
    float[] initial = new float[total()];
    for (int i = 0; i < initial.length; i++) initial[i] = (i * 29 % 255 - 127) / 64f;
    Map<String, Object> spec = new HashMap<>();
    if (action.has("chain")) {
      spec.put("chain", action.get("chain").asText());
      spec.put("tensors", tensors);
    }
    if (workers > 0) spec.put("workers", workers);
    String id = prefix + "-" + action.path("session").asText(as);
    sessions.put(as, stepd.open(id, spec, action.has("keep") ? Tensors.packed(initial) : null));
    params.put(as, initial);
  }

  private void step(String as, JsonNode action) {
    Session session = sessions.get(as);
    int step = (int) session.currentStep() + 1;
    float[] grads = new float[action.path("elements").asInt(total())];
    for (int i = 0; i < grads.length; i++)
      grads[i] = ((i * 73 + step * 37 + (action.path("salt").asInt() + worker) * 11) % 255 - 127) / 128f;
    StepOptions options = new StepOptions();
    if (workers > 0) options.worker("worker-" + worker);
    if (action.has("dtype")) options.dtype(Tensors.Dtype.valueOf(action.get("dtype").asText()));
    if (action.has("reply")) options.reply(Tensors.Dtype.valueOf(action.get("reply").asText()));
    if (action.has("value")) options.value(action.get("value").asDouble());
    if (action.has("hyperparams")) options.hyperparams(numbers(action));
    if (action.has("send")) options.params(form(action, params.get(as)));
    boolean whole = action.path("of").asText().equals("params");
    if (whole) options.wantParams();
    Session.Step result = session.step(form(action, grads), options);
    expect(action, result.replayed() || !action.has("replayed"));
    float[] answer = pack(result.tensors());
    if (whole) params.put(as, answer);
    else Tensors.apply(params.get(as), answer);
  }

  /** No number tells a repeated change from a second one: the client leaves it to its caller. */
  private static void set(Session session, Map<String, Double> numbers) {
    while (true) {
      try {
        session.setHyperparams(numbers);
        return;
      } catch (NoAnswer lost) {
        continue;
      }
    }
  }

  private static Map<String, Double> numbers(JsonNode action) {
    Map<String, Double> numbers = new HashMap<>();
    action.get("hyperparams").fields().forEachRemaining(e -> numbers.put(e.getKey(), e.getValue().asDouble()));
    return numbers;
  }

  private Tensors form(JsonNode action, float[] packed) {
    if (!action.path("form").asText().equals("named")) return Tensors.packed(packed);
    Map<String, float[]> named = new LinkedHashMap<>();
    int at = 0;
    for (var tensor : sizes.entrySet())
      named.put(tensor.getKey(), Arrays.copyOfRange(packed, at, at += tensor.getValue()));
    return Tensors.named(named);
  }

  private float[] pack(Tensors tensors) {
    if (tensors.named() == null) return tensors.packed().clone();
    float[] packed = new float[total()];
    int at = 0;
    for (var tensor : sizes.entrySet()) {
      System.arraycopy(tensors.named().get(tensor.getKey()), 0, packed, at, tensor.getValue());
      at += tensor.getValue();
    }
    return packed;
  }

  private int total() {
    return sizes.values().stream().mapToInt(Integer::intValue).sum();
  }

  private static void expect(JsonNode action, boolean holds) {
    if (!holds) throw new AssertionError(action.toString());
  }
}

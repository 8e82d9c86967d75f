package stepd;

import java.util.LinkedHashMap;
import java.util.Map;

/** What a step brings besides gradients, and what to send back. Every method gives the options back. */
public final class StepOptions {
  final Map<String, Object> fields = new LinkedHashMap<>();
  final Map<String, Object> want = new LinkedHashMap<>();
  Tensors.Dtype dtype = Tensors.Dtype.F32;
  Tensors.Dtype reply;
  String of = "updates";

  /** Where the client keeps the parameters and the chain needs them. */
  public StepOptions params(Tensors params) {
    fields.put("params", params.toWire(Tensors.Dtype.F32));
    return this;
  }

  /** The loss, for chains that need it. */
  public StepOptions value(double loss) {
    fields.put("value", loss);
    return this;
  }

  /** Numbers that replace options for this step and later ones. */
  public StepOptions hyperparams(Map<String, Double> numbers) {
    fields.put("hyperparams", numbers);
    return this;
  }

  /** Who this is, where several workers make a step together: a name that no other has. */
  public StepOptions worker(String name) {
    fields.put("worker", name);
    return this;
  }

  /** Of this contribution among those of several workers; 1 if not said. */
  public StepOptions weight(double weight) {
    fields.put("weight", weight);
    return this;
  }

  /** Send back the parameters that the server keeps, in place of updates. */
  public StepOptions wantParams() {
    of = "params";
    return this;
  }

  /** Have the step measured. */
  public StepOptions wantStats() {
    want.put("stats", true);
    return this;
  }

  /** Number type of the gradients on the wire. */
  public StepOptions dtype(Tensors.Dtype type) {
    dtype = type;
    return this;
  }

  /** Number type of the answer; by default that of the gradients. */
  public StepOptions reply(Tensors.Dtype type) {
    reply = type;
    return this;
  }
}

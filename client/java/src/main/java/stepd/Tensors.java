package stepd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/** Float32 numbers: all tensors back to back in declared order, or by name. The answer has the form of the request. */
public final class Tensors {
  /** Number types on the wire. BF16 halves the bytes, and rounds. */
  public enum Dtype {
    F32,
    BF16
  }

  private final float[] packed;
  private final Map<String, float[]> named;

  private Tensors(float[] packed, Map<String, float[]> named) {
    this.packed = packed;
    this.named = named;
  }

  public static Tensors packed(float... numbers) {
    return new Tensors(numbers, null);
  }

  public static Tensors named(Map<String, float[]> tensors) {
    return new Tensors(null, tensors);
  }

  /** All tensors back to back, or null where they are named. */
  public float[] packed() {
    return packed;
  }

  /** The tensors by name, or null where they are packed. */
  public Map<String, float[]> named() {
    return named;
  }

  /** Add the updates to the parameters in place: p ← p + u. */
  public static void apply(float[] params, float[] updates) {
    if (params.length != updates.length)
      throw new IllegalArgumentException(
          "Cannot apply " + updates.length + " updates to " + params.length + " parameters: expected as many");
    for (int i = 0; i < params.length; i++) params[i] += updates[i];
  }

  Object toWire(Dtype dtype) {
    if (named == null) return bytes(packed, dtype);
    Map<String, byte[]> wire = new LinkedHashMap<>();
    named.forEach((name, numbers) -> wire.put(name, bytes(numbers, dtype)));
    return wire;
  }

  static Tensors fromWire(Object wire, Dtype dtype) {
    if (wire instanceof byte[] data) return packed(numbers(data, 0, data.length, dtype));
    Map<String, float[]> tensors = new LinkedHashMap<>();
    ((Map<?, ?>) wire)
        .forEach(
            (name, part) -> {
              byte[] data = (byte[]) part;
              tensors.put((String) name, numbers(data, 0, data.length, dtype));
            });
    return named(tensors);
  }

  static float[] numbers(byte[] data, int from, int to, Dtype dtype) {
    ByteBuffer buffer = ByteBuffer.wrap(data, from, to - from).order(ByteOrder.LITTLE_ENDIAN);
    float[] numbers = new float[(to - from) / (dtype == Dtype.F32 ? 4 : 2)];
    for (int i = 0; i < numbers.length; i++)
      numbers[i] = dtype == Dtype.F32 ? buffer.getFloat() : Float.intBitsToFloat(buffer.getShort() << 16);
    return numbers;
  }

  private static byte[] bytes(float[] numbers, Dtype dtype) {
    ByteBuffer buffer = ByteBuffer.allocate(numbers.length * (dtype == Dtype.F32 ? 4 : 2));
    buffer.order(ByteOrder.LITTLE_ENDIAN);
    for (float number : numbers)
      if (dtype == Dtype.F32) buffer.putFloat(number);
      else buffer.putShort(narrowed(number));
    return buffer.array();
  }

  /** The upper half of a float32, rounded to the nearest, of two equally near to the even one. */
  private static short narrowed(float number) {
    int word = Float.floatToRawIntBits(number);
    // Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
    if (Float.isNaN(number)) return (short) (word >>> 16 | 0x40);
    return (short) (word + 0x7fff + (word >>> 16 & 1) >>> 16);
  }
}

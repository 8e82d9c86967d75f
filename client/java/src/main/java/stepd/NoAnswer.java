package stepd;

/** No whole answer arrived: the connection was refused, broke or timed out. The request may have been taken. */
public final class NoAnswer extends RuntimeException {
  private static final long serialVersionUID = 1;

  NoAnswer(String what, Throwable cause) {
    super(what + ": " + cause, cause);
  }
}

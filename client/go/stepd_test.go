package stepd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

var ctx = context.Background()

// serve answers in turn as the functions say, the last one for ever; it counts the requests after the opening.
func serve(t *testing.T, retry Retry, answers ...http.HandlerFunc) (*Session, *[]*http.Request) {
	seen := []*http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			reply(map[string]any{"id": "run", "step": 4})(w, r)
			return
		}
		seen = append(seen, r)
		answers[min(len(seen), len(answers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	session, err := Connect(server.URL, Options{APIKey: "secret", Retry: retry}).Open(ctx, "run", Spec{})
	if err != nil {
		t.Fatal(err)
	}
	return session, &seen
}

func reply(body map[string]any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		content, _ := msgpack.Marshal(body)
		w.Write(content)
	}
}

func refuse(status int, after string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", after)
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status": %d, "code": "some_code", "detail": "why", "current_step": 7}`, status)
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	connection, _, _ := w.(http.Hijacker).Hijack()
	connection.Close()
}

var (
	swift   = Retry{Base: time.Millisecond}
	stepped = reply(map[string]any{"step": 5, "updates": F32.bytes([]float32{3}), "replayed": true, "counted": true})
	one     = Packed([]float32{1})
)

func TestNumberedStepsAreSentAgain(t *testing.T) {
	for name, failure := range map[string]http.HandlerFunc{
		"429": refuse(429, ""), "503": refuse(503, ""), "a hang-up": hangUp,
	} {
		session, seen := serve(t, swift, failure, failure, stepped)
		step, err := session.Step(ctx, one, nil)
		if err != nil || step.Updates.Packed[0] != 3 || !step.Replayed || session.Info().Step != 5 || len(*seen) != 3 {
			t.Errorf("after %s: %+v, %v, %d requests", name, step, err, len(*seen))
		}
		if key := (*seen)[0].Header.Get("Authorization"); key != "Bearer secret" {
			t.Errorf("the key was sent as %q", key)
		}
	}
}

func TestNoOtherRefusalIsSentAgain(t *testing.T) {
	for _, status := range []int{400, 404, 409, 413, 422, 500} {
		session, seen := serve(t, swift, refuse(status, ""))
		_, err := session.Step(ctx, one, nil)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Status != status || refusal.Code != "some_code" ||
			refusal.Detail != "why" || refusal.Problem["current_step"] != 7.0 || len(*seen) != 1 {
			t.Errorf("%d: %v, %d requests", status, err, len(*seen))
		}
	}
}

func TestChangedHyperparamsAreSentOnce(t *testing.T) {
	session, seen := serve(t, swift, hangUp)
	var lost *NoAnswer
	if err := session.SetHyperparams(ctx, map[string]float64{"b1": 1}); !errors.As(err, &lost) || len(*seen) != 1 {
		t.Errorf("%v, %d requests", err, len(*seen))
	}
}

func TestRepeatedDeleteThatFindsNothing(t *testing.T) {
	session, _ := serve(t, swift, hangUp, refuse(404, ""))
	if err := session.Delete(ctx); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	session, seen := serve(t, swift, refuse(503, "1"), stepped)
	begin := time.Now()
	if _, err := session.Step(ctx, one, nil); err != nil || time.Since(begin) < time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	session, seen = serve(t, swift, refuse(503, "3600"))
	if _, err := session.Step(ctx, one, nil); err == nil || len(*seen) != 1 {
		t.Errorf("%v, %d requests", err, len(*seen))
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	session, seen := serve(t, Retry{Attempts: 3, Base: time.Millisecond}, hangUp)
	if _, err := session.Step(ctx, one, nil); err == nil || len(*seen) != 3 {
		t.Errorf("%v, %d requests", err, len(*seen))
	}
}

func TestCancelledContextEndsAWait(t *testing.T) {
	session, _ := serve(t, swift, refuse(503, "30"))
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := session.Step(short, one, nil); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestNarrowed(t *testing.T) {
	for word, half := range map[uint32]uint16{
		0x3f800000: 0x3f80,
		0x3f808000: 0x3f80, // halfway, down to the even one
		0x3f808001: 0x3f81,
		0x3f818000: 0x3f82, // halfway, up to the even one
		0x7f7fffff: 0x7f80,
		0x7f800000: 0x7f80,
		0x7f800001: 0x7fc0, // a NaN whose upper half alone would be infinity
		0x80000000: 0x8000,
	} {
		if got := narrowed(math.Float32frombits(word)); got != half {
			t.Errorf("%08x: %04x, expected %04x", word, got, half)
		}
	}
}

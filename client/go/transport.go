// Package stepd is a client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept.
package stepd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

const mediaType = "application/msgpack"

// Retry says when a request is sent again: the wait before attempt n + 1 is random in [0, min(Cap, Base · 2ⁿ⁻¹)].
type Retry struct {
	Attempts int           // in all, the first one included; default 8
	Base     time.Duration // default 100 ms
	Cap      time.Duration // default 10 s; a longer Retry-After is honoured
	Total    time.Duration // for all attempts and waits together; default 2 min
}

// Options of a connection; the zero value has the defaults.
type Options struct {
	APIKey  string // sent as a bearer token
	Retry   Retry
	Timeout time.Duration // of one attempt; default 60 s
	HTTP    *http.Client  // default: one of its own
}

// Refusal is an answer of the server that says no. Code is of the protocol's table, or "unknown" where something else
// than stepd answered; Problem is the whole body (RFC 9457), with what the code adds.
type Refusal struct {
	Status     int
	Code       string
	Detail     string
	Problem    map[string]any
	RetryAfter time.Duration
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s (%d): %s", r.Code, r.Status, r.Detail) }

// NoAnswer says that no whole answer arrived: the connection was refused, broke or timed out. The request may have been
// taken.
type NoAnswer struct{ Err error }

func (n *NoAnswer) Error() string { return n.Err.Error() }
func (n *NoAnswer) Unwrap() error { return n.Err }

// Client holds the connections to one server. It may be used by several goroutines.
type Client struct {
	base    string
	options Options
}

// Connect makes a client of the server at the address, as http://127.0.0.1:8080. Connects with the first request.
func Connect(address string, options Options) *Client {
	retry := &options.Retry
	retry.Attempts = or(retry.Attempts, 8)
	retry.Base = or(retry.Base, 100*time.Millisecond)
	retry.Cap = or(retry.Cap, 10*time.Second)
	retry.Total = or(retry.Total, 2*time.Minute)
	options.Timeout = or(options.Timeout, time.Minute)
	if options.HTTP == nil {
		options.HTTP = &http.Client{}
	}
	return &Client{strings.TrimRight(address, "/"), options}
}

func or[T comparable](given, otherwise T) T {
	var zero T
	if given == zero {
		return otherwise
	}
	return given
}

// call sends a request and answers with the bytes of its answer. A request that is not safe is sent once.
func (c *Client) call(ctx context.Context, method, path string, body map[string]any, safe bool) ([]byte, error) {
	var content []byte
	if body != nil {
		var err error
		if content, err = msgpack.Marshal(body); err != nil {
			return nil, err
		}
	}
	retry := c.options.Retry
	ctx, cancel := context.WithTimeout(ctx, retry.Total)
	defer cancel()
	until, _ := ctx.Deadline()
	for attempt := 1; ; attempt++ {
		answer, err := c.once(ctx, method, path, content)
		var refusal *Refusal
		var lost *NoAnswer
		refused := errors.As(err, &refusal)
		// An earlier DELETE was carried out and its answer lost.
		if refused && refusal.Status == http.StatusNotFound && method == http.MethodDelete && attempt > 1 {
			return nil, nil
		}
		worth := errors.As(err, &lost) || refused && slices.Contains(Retryable, refusal.Status)
		if !worth || !safe || attempt >= retry.Attempts || ctx.Err() != nil {
			return answer, err
		}
		wait := time.Duration(rand.Float64() * float64(min(retry.Cap, retry.Base<<min(attempt-1, 20))))
		if refused {
			wait += refusal.RetryAfter
		}
		if time.Now().Add(wait).After(until) {
			return answer, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return answer, err
		}
	}
}

func (c *Client) once(ctx context.Context, method, path string, content []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", mediaType+", application/octet-stream")
	if content != nil {
		request.Header.Set("Content-Type", mediaType)
	}
	if c.options.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.APIKey)
	}
	response, err := c.options.HTTP.Do(request)
	if err != nil {
		return nil, &NoAnswer{err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, &NoAnswer{fmt.Errorf("%s %s: %w", method, c.base+path, err)}
	}
	kind := response.Header.Get("Content-Type")
	fine := len(answer) == 0 || strings.Contains(kind, "msgpack") || strings.Contains(kind, "octet-stream")
	if response.StatusCode < 300 && fine {
		return answer, nil
	}
	return nil, refusalOf(response, kind, answer, fmt.Sprintf("%s %s", method, c.base+path))
}

func refusalOf(response *http.Response, kind string, answer []byte, request string) error {
	text := string(answer[:min(len(answer), 200)])
	refusal := &Refusal{Status: response.StatusCode, Code: "unknown"}
	refusal.Detail = fmt.Sprintf("%s answered %q, expected %s: %s", request, kind, mediaType, text)
	if strings.Contains(kind, "json") && json.Unmarshal(answer, &refusal.Problem) == nil {
		refusal.Code, _ = refusal.Problem["code"].(string)
		refusal.Detail, _ = refusal.Problem["detail"].(string)
	}
	after := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		refusal.RetryAfter = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(after); err == nil {
		refusal.RetryAfter = max(0, time.Until(date))
	}
	return refusal
}

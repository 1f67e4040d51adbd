// Package clients drives a cluster with client-go, unmodified. It finds the cluster by KUBECONFIG.
package clients

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// asked is what was asked of the server, as "METHOD URL <Content-Type> <Accept>: answered Content-Type".
type asked struct {
	sync.Mutex
	lines []string
	next  http.RoundTripper
}

func (a *asked) RoundTrip(request *http.Request) (*http.Response, error) {
	line := request.Method + " " + request.URL.RequestURI() +
		" <" + request.Header.Get("Content-Type") + "> <" + request.Header.Get("Accept") + ">"
	answer, err := a.next.RoundTrip(request)
	if err == nil {
		line += ": " + answer.Header.Get("Content-Type")
	}
	a.Lock()
	defer a.Unlock()
	a.lines = append(a.lines, line)
	return answer, err
}

func (a *asked) all() []string {
	a.Lock()
	defer a.Unlock()
	return append([]string{}, a.lines...)
}

func (a *asked) count(part string) int {
	found := 0
	for _, line := range a.all() {
		if strings.Contains(line, part) {
			found++
		}
	}
	return found
}

// configure reads the kubeconfig; the second value notes all requests.
func configure(t *testing.T) (*rest.Config, *asked) {
	loader := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loader, nil).ClientConfig()
	check(t, err)
	config.QPS, config.Burst = 1000, 1000
	noted := &asked{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		noted.next = next
		return noted
	})
	return config, noted
}

func mine(name string) *core.ConfigMap {
	return &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{"mine": "yes"}}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for what the cluster or the client does by itself.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !true() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

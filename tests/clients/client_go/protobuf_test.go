package clients

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

const protobuf = runtime.ContentTypeProtobuf

var named = meta.ObjectMeta{Name: "one"}

func template() core.PodTemplateSpec {
	limits := core.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("64Mi")}
	return core.PodTemplateSpec{
		ObjectMeta: meta.ObjectMeta{Labels: map[string]string{"app": "one"}},
		Spec: core.PodSpec{
			Containers: []core.Container{{
				Name: "one", Image: "nginx", Command: []string{"a", "b c", "ü"},
				Resources: core.ResourceRequirements{Limits: limits},
				LivenessProbe: &core.Probe{ProbeHandler: core.ProbeHandler{
					HTTPGet: &core.HTTPGetAction{Path: "/", Port: intstr.FromString("http")},
				}},
				Ports: []core.ContainerPort{{Name: "http", ContainerPort: 80}},
				Env:   []core.EnvVar{{Name: "NODE", ValueFrom: &core.EnvVarSource{FieldRef: &core.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}},
			}},
		},
	}
}

// TestTypedClientsSpeakProtobuf writes in protobuf; answers come in JSON, which the client takes too.
func TestTypedClientsSpeakProtobuf(t *testing.T) {
	config, requests := configure(t)
	config.ContentType = protobuf
	config.AcceptContentTypes = protobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(config)
	check(t, err)
	t.Run("kinds", func(t *testing.T) { kinds(t, client) })
	t.Run("updates", func(t *testing.T) { updates(t, client) })
	t.Run("conflicts", func(t *testing.T) { conflicts(t, client) })
	t.Run("apply", func(t *testing.T) { applies(t, client) })
	for _, line := range requests.all() {
		body := strings.HasPrefix(line, "POST ") || strings.HasPrefix(line, "PUT ") || strings.HasPrefix(line, "DELETE ")
		if body && !strings.Contains(line, "<"+protobuf+"> <"+protobuf+",") {
			t.Error(line)
		}
		if !strings.HasSuffix(line, ": application/json") {
			t.Error(line)
		}
	}
	// A client that takes nothing but protobuf is told so.
	config.AcceptContentTypes = protobuf
	narrow, err := kubernetes.NewForConfig(config)
	check(t, err)
	_, err = narrow.CoreV1().ConfigMaps("default").List(context.Background(), meta.ListOptions{})
	if !errors.IsNotAcceptable(err) {
		t.Error(err)
	}
}

func kinds(t *testing.T, client kubernetes.Interface) {
	ctx, create, read := context.Background(), meta.CreateOptions{}, meta.GetOptions{}
	selector := &meta.LabelSelector{MatchLabels: map[string]string{"app": "one"}}
	two := int32(2)
	deployment := &apps.Deployment{ObjectMeta: named, Spec: apps.DeploymentSpec{
		Replicas: &two, Selector: selector, Template: template(),
	}}
	made, err := client.AppsV1().Deployments("default").Create(ctx, deployment, create)
	check(t, err)
	found, err := client.AppsV1().Deployments("default").Get(ctx, "one", read)
	check(t, err)
	if found.UID != made.UID {
		t.Error(found.UID)
	}
	sent, kept := template().Spec.Containers[0], found.Spec.Template.Spec.Containers[0]
	same := reflect.DeepEqual(sent.Command, kept.Command) && sent.Env[0].ValueFrom.FieldRef.FieldPath == kept.Env[0].ValueFrom.FieldRef.FieldPath
	same = same && kept.LivenessProbe.HTTPGet.Port == intstr.FromString("http") && kept.Ports[0].ContainerPort == 80
	same = same && kept.Resources.Limits.Cpu().MilliValue() == 250 && kept.Resources.Limits.Memory().Value() == 64<<20
	if !same {
		t.Errorf("%+v", kept)
	}
	data := map[string][]byte{"binary": {0, 1, 255}}
	secret, err := client.CoreV1().Secrets("default").Create(ctx, &core.Secret{ObjectMeta: named, Data: data}, create)
	check(t, err)
	if !reflect.DeepEqual(secret.Data, data) || secret.Type != core.SecretTypeOpaque {
		t.Errorf("%+v", secret)
	}
	service := &core.Service{ObjectMeta: named, Spec: core.ServiceSpec{
		Selector: map[string]string{"app": "one"},
		Ports:    []core.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}},
	}}
	service, err = client.CoreV1().Services("default").Create(ctx, service, create)
	check(t, err)
	if service.Spec.ClusterIP == "" || service.Spec.Ports[0].TargetPort.IntVal != 8080 {
		t.Errorf("%+v", service.Spec)
	}
	suspended := true
	job := &batch.Job{ObjectMeta: named, Spec: batch.JobSpec{Suspend: &suspended, Template: template()}}
	job.Spec.Template.Spec.RestartPolicy = core.RestartPolicyNever
	_, err = client.BatchV1().Jobs("default").Create(ctx, job, create)
	check(t, err)
	policy := &networking.NetworkPolicy{ObjectMeta: named, Spec: networking.NetworkPolicySpec{PodSelector: *selector}}
	_, err = client.NetworkingV1().NetworkPolicies("default").Create(ctx, policy, create)
	check(t, err)
	role := &rbac.Role{ObjectMeta: named, Rules: []rbac.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}}
	_, err = client.RbacV1().Roles("default").Create(ctx, role, create)
	check(t, err)
	for _, verb := range []string{"get", "list", "watch"} {
		review := reviewOf(verb)
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, create)
		check(t, err)
		if !answer.Status.Allowed {
			t.Error(verb)
		}
	}
}

func updates(t *testing.T, client kubernetes.Interface) {
	ctx := context.Background()
	maps := client.CoreV1().ConfigMaps("default")
	made, err := maps.Create(ctx, mine("updated"), meta.CreateOptions{})
	check(t, err)
	newer := made.DeepCopy()
	newer.Data = map[string]string{"a": "1"}
	newer, err = maps.Update(ctx, newer, meta.UpdateOptions{})
	check(t, err)
	made.Data = map[string]string{"b": "1"}
	if _, err := maps.Update(ctx, made, meta.UpdateOptions{}); !errors.IsConflict(err) {
		t.Error(err)
	}
	if _, err := maps.Create(ctx, mine("Wrong"), meta.CreateOptions{}); !errors.IsInvalid(err) {
		t.Error(err)
	}
	if _, err := maps.Create(ctx, mine("updated"), meta.CreateOptions{}); !errors.IsAlreadyExists(err) {
		t.Error(err)
	}
	other := "another"
	options := meta.DeleteOptions{Preconditions: &meta.Preconditions{ResourceVersion: &other}}
	if err := maps.Delete(ctx, "updated", options); !errors.IsConflict(err) {
		t.Error(err)
	}
	options.Preconditions = &meta.Preconditions{UID: &newer.UID, ResourceVersion: &newer.ResourceVersion}
	check(t, maps.Delete(ctx, "updated", options))
	if _, err := maps.Get(ctx, "updated", meta.GetOptions{}); !errors.IsNotFound(err) {
		t.Error(err)
	}
}

// conflicts lets several writers change one object; each tries again until it has.
func conflicts(t *testing.T, client kubernetes.Interface) {
	ctx := context.Background()
	maps := client.CoreV1().ConfigMaps("default")
	_, err := maps.Create(ctx, mine("counted"), meta.CreateOptions{})
	check(t, err)
	var writers sync.WaitGroup
	backoff := retry.DefaultBackoff
	backoff.Steps = 50
	for range 5 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for range 5 {
				err := retry.RetryOnConflict(backoff, func() error {
					now, err := maps.Get(ctx, "counted", meta.GetOptions{})
					if err != nil {
						return err
					}
					now.Data = map[string]string{"n": now.Data["n"] + "x"}
					_, err = maps.Update(ctx, now, meta.UpdateOptions{})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		}()
	}
	writers.Wait()
	now, err := maps.Get(ctx, "counted", meta.GetOptions{})
	check(t, err)
	if now.Data["n"] != strings.Repeat("x", 25) {
		t.Error(now.Data)
	}
}

func applies(t *testing.T, client kubernetes.Interface) {
	ctx := context.Background()
	maps := client.CoreV1().ConfigMaps("default")
	wanted := applycore.ConfigMap("applied", "default").WithData(map[string]string{"a": "1"})
	made, err := maps.Apply(ctx, wanted, meta.ApplyOptions{FieldManager: "first"})
	check(t, err)
	wanted.WithData(map[string]string{"a": "2"})
	_, err = maps.Apply(ctx, wanted, meta.ApplyOptions{FieldManager: "second"})
	if !errors.IsConflict(err) || !errors.HasStatusCause(err, meta.CauseTypeFieldManagerConflict) {
		t.Error(err)
	}
	forced, err := maps.Apply(ctx, wanted, meta.ApplyOptions{FieldManager: "second", Force: true})
	check(t, err)
	// What a manager has applied can be read back, to be applied again.
	mine, err := applycore.ExtractConfigMap(forced, "second")
	check(t, err)
	if mine.Data["a"] != "2" || forced.UID != made.UID {
		t.Errorf("%+v", mine)
	}
}

// Prints objects in protobuf and in JSON, by Kubernetes' own code, for the tests of the decoder:
// a line is the kind, the body in base64, and the JSON.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"

	"wharf.dev/schema/kinds"
)

// zeroed are the kinds that also come with pointers to zero values and nothing else.
var zeroed = map[string]bool{
	"Pod": true, "Deployment": true, "Service": true, "Job": true, "Ingress": true,
	"CustomResourceDefinition": true, "DeleteOptions": true, "StorageClass": true,
}

var templated = map[string]bool{
	"CronJob": true, "DaemonSet": true, "Deployment": true, "Job": true, "PodTemplate": true,
	"ReplicaSet": true, "ReplicationController": true, "StatefulSet": true,
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	scheme := kinds.Scheme()
	known := scheme.AllKnownTypes()
	var gvks []schema.GroupVersionKind
	for gvk, goType := range known {
		inMeta := strings.HasSuffix(goType.PkgPath(), "meta/v1")
		wanted := !strings.HasSuffix(gvk.Kind, "List") || gvk.Kind == "ConfigMapList"
		if inMeta {
			wanted = (gvk.Kind == "DeleteOptions" && (gvk.Group == "" || gvk.Group == "policy")) || (gvk.Kind == "Status" && gvk.Group == "")
		}
		if gvk.Version != runtime.APIVersionInternal && wanted && isMessage(goType) {
			gvks = append(gvks, gvk)
		}
	}
	sort.Slice(gvks, func(i, j int) bool { return gvks[i].String() < gvks[j].String() })
	for _, gvk := range gvks {
		f := &filler{}
		if templated[gvk.Kind] {
			f.limit = 6 // a Pod is among the others, in full
		}
		print(out, scheme, gvk, f)
		if zeroed[gvk.Kind] {
			print(out, scheme, gvk, &filler{zeros: true})
		}
	}
}

func isMessage(t reflect.Type) bool {
	_, ok := reflect.PointerTo(t).MethodByName("Marshal")
	return ok
}

func print(out *bufio.Writer, scheme *runtime.Scheme, gvk schema.GroupVersionKind, f *filler) {
	object, err := scheme.New(gvk)
	check(err)
	f.fill(reflect.ValueOf(object).Elem(), 0)
	object.GetObjectKind().SetGroupVersionKind(gvk)
	var body bytes.Buffer
	check(protobuf.NewSerializer(scheme, scheme).Encode(object, &body))
	// What cannot be said in protobuf, such as the difference of null and [], is gone afterwards.
	back, _, err := protobuf.NewSerializer(scheme, scheme).Decode(body.Bytes(), nil, nil)
	check(err)
	back.GetObjectKind().SetGroupVersionKind(gvk)
	text, err := json.Marshal(back)
	check(err)
	fmt.Fprintf(out, "%s %s %s\n", gvk.Kind, base64.StdEncoding.EncodeToString(body.Bytes()), text)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type filler struct {
	count int64
	limit int
	zeros bool
}

func (f *filler) next() int64 { f.count++; return f.count }

func (f *filler) fill(v reflect.Value, depth int) {
	if depth > 14 || (f.limit > 0 && depth > f.limit) || f.special(v) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem() == reflect.TypeFor[apiextensions.JSONSchemaProps]() && depth > 8 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Type != reflect.TypeFor[meta.TypeMeta]() {
				f.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if f.zeros || (recursive(v.Type()) && depth > 6) {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), depth+1)
	case reflect.Map:
		if f.zeros || (recursive(v.Type()) && depth > 6) {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		f.fill(value, depth+1)
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("k%d", f.next())).Convert(v.Type().Key()), value)
	default:
		f.scalar(v)
	}
}

// recursive are the types in which a schema contains others.
func recursive(t reflect.Type) bool {
	return strings.Contains(t.String(), "JSONSchema")
}

func (f *filler) scalar(v reflect.Value) {
	if f.zeros {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%dä", f.next()))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		sign := int64(1)
		if f.next()%3 == 0 {
			sign = -1
		}
		v.SetInt(sign * f.next())
	case reflect.Float64:
		v.SetFloat(float64(f.next()) + 0.5)
	case reflect.Interface:
	default:
		panic(v.Type().String())
	}
}

// special fills what writes itself.
func (f *filler) special(v reflect.Value) bool {
	raw := func() []byte {
		if f.zeros {
			return []byte("{}")
		}
		return []byte(fmt.Sprintf(`{"r":%d}`, f.next()))
	}
	at := func() time.Time { return time.Unix(1_700_000_000+f.next()*12345, 0).UTC() }
	switch value := v.Addr().Interface().(type) {
	case *meta.Time:
		if !f.zeros {
			*value = meta.NewTime(at())
		}
	case *meta.MicroTime:
		if !f.zeros {
			*value = meta.NewMicroTime(at().Add(time.Duration(f.next()) * time.Microsecond))
		}
	case *meta.Duration:
		if !f.zeros {
			value.Duration = time.Duration(f.next()) * 1_000_500 * time.Microsecond
		}
	case *resource.Quantity:
		form := []string{"%dm", "%dMi", "%d", "%d000k", "0.%d"}[f.next()%5]
		if f.zeros {
			return true
		}
		*value = resource.MustParse(fmt.Sprintf(form, f.next()))
	case *intstr.IntOrString:
		*value = intstr.FromInt32(int32(f.count))
		if f.next()%2 == 0 && !f.zeros {
			*value = intstr.FromString(fmt.Sprintf("%d%%", f.count))
		}
	case *runtime.RawExtension:
		value.Raw = raw()
	case *meta.FieldsV1:
		value.Raw = raw()
	case *apiextensions.JSON:
		value.Raw = raw()
	case *[]byte:
		if !f.zeros {
			*value = []byte{byte(f.next()), 0, 255}
		}
	default:
		return false
	}
	return true
}

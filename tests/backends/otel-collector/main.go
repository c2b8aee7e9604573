// An OpenTelemetry Collector with the receiver for OTLP, cut down for tests: what it receives it appends
// to the file that OUTPUT names, a line of OTLP's JSON for each request.
package main

import (
	"context"
	"log"
	"os"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

const version = "0.150.0"

// output is shared by the pipelines of all three signals.
type output struct {
	component.StartFunc
	component.ShutdownFunc
	lock sync.Mutex
	file *os.File
}

func (o *output) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (o *output) append(line []byte, err error) error {
	if err != nil {
		return err
	}
	o.lock.Lock()
	defer o.lock.Unlock()
	_, err = o.file.Write(append(line, '\n'))
	return err
}

func (o *output) ConsumeTraces(_ context.Context, traces ptrace.Traces) error {
	return o.append((&ptrace.JSONMarshaler{}).MarshalTraces(traces))
}

func (o *output) ConsumeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	return o.append((&pmetric.JSONMarshaler{}).MarshalMetrics(metrics))
}

func (o *output) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	return o.append((&plog.JSONMarshaler{}).MarshalLogs(logs))
}

func (o *output) factory() exporter.Factory {
	level := component.StabilityLevelStable
	return exporter.NewFactory(
		component.MustNewType("output"),
		func() component.Config { return &struct{}{} },
		exporter.WithTraces(func(context.Context, exporter.Settings, component.Config) (exporter.Traces, error) {
			return o, nil
		}, level),
		exporter.WithMetrics(func(context.Context, exporter.Settings, component.Config) (exporter.Metrics, error) {
			return o, nil
		}, level),
		exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
			return o, nil
		}, level),
	)
}

func main() {
	file, err := os.OpenFile(os.Getenv("OUTPUT"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	out := &output{file: file}
	components := func() (f otelcol.Factories, err error) {
		f.Telemetry = otelconftelemetry.NewFactory()
		f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
		if err != nil {
			return f, err
		}
		f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](out.factory())
		return f, err
	}
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otel-collector", Version: version},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
				DefaultScheme:     "file",
			},
		},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}

//! rust-peer URL find PATTERN
//! rust-peer URL count PATTERN
//! rust-peer URL describe CHANNEL...
//! rust-peer URL stream START_NS END_NS CHANNEL...
//! rust-peer URL live BLOCKS CHANNEL...
//! rust-peer URL publish PUBLISHER START_NS BLOCKS CHANNEL...
//!
//! Asks a server and prints what came as one JSON document, or registers channels (float64,
//! 64 Hz) and publishes blocks of 1/16 s in which sample n of a channel is n.

use arrakis::data::{
    BasicSeriesBlock, Channel, ChannelData, DataType, PublishChannel, SeriesBlock, VecBackingStore,
};
use arrakis::{Arrakis, Time};
use futures::StreamExt;
use serde_json::{json, Map, Value};
use std::error::Error;

fn channel_as_json(channel: &Channel) -> Value {
    json!({
        "name": channel.name,
        "data_type": channel.data_type.to_string(),
        "sample_rate": channel.sample_rate,
        "publisher": channel.publisher,
        "stride": channel.stride,
        "max_latency": channel.max_latency,
    })
}

fn samples_as_json(samples: &ChannelData) -> Value {
    match samples {
        ChannelData::Int8(v) => json!(v),
        ChannelData::Int16(v) => json!(v),
        ChannelData::Int32(v) => json!(v),
        ChannelData::Int64(v) => json!(v),
        ChannelData::UInt8(v) => json!(v),
        ChannelData::UInt16(v) => json!(v),
        ChannelData::UInt32(v) => json!(v),
        ChannelData::UInt64(v) => json!(v),
        ChannelData::Float32(v) => json!(v),
        ChannelData::Float64(v) => json!(v),
    }
}

fn block_as_json(block: &SeriesBlock) -> Value {
    let data: Map<String, Value> =
        block.data.iter().map(|(name, samples)| (name.clone(), samples_as_json(samples))).collect();
    json!({"time_ns": i64::from(block.time), "data": data})
}

async fn blocks_of(request: Arrakis, most: usize) -> Result<Value, Box<dyn Error>> {
    let mut stream = request.stream().await?;
    let mut blocks = Vec::new();
    while blocks.len() < most {
        match stream.next().await {
            Some(block) => blocks.push(block_as_json(&block?)),
            None => break,
        }
    }
    Ok(Value::Array(blocks))
}

const RATE: i32 = 64;
const STRIDE_NS: i64 = 62_500_000;

fn block_to_publish(
    time_ns: i64,
    number: i64,
    channels: &[String],
) -> Result<BasicSeriesBlock<VecBackingStore>, Box<dyn Error>> {
    let count = i64::from(RATE) * STRIDE_NS / 1_000_000_000;
    let samples: Vec<u8> =
        (number * count..(number + 1) * count).flat_map(|n| (n as f64).to_le_bytes()).collect();
    let mut block = BasicSeriesBlock {
        time: Time::from_nanos(time_ns + number * STRIDE_NS),
        data: Default::default(),
        duration: STRIDE_NS as f64 / 1e9,
        metadata: Default::default(),
        backing_store: VecBackingStore {},
    };
    for name in channels {
        block.data.insert(name.clone(), samples.clone());
        let channel = PublishChannel::new(name, DataType::Float64, RATE)?;
        block.metadata.insert(name.clone(), channel);
    }
    Ok(block)
}

async fn publish(
    publisher_id: &str,
    start: i64,
    blocks: i64,
    channels: &[String],
) -> Result<Value, Box<dyn Error>> {
    let source = channels[0].split(':').next().unwrap_or_default();
    let mut publisher = arrakis::register_publisher(publisher_id, source, "").await?;
    for number in 0..blocks {
        publisher.publish(block_to_publish(start, number, channels)?).await?;
    }
    while publisher.delivery_stats().in_flight() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    match publisher.take_last_delivery_error() {
        Some(error) => Err(error.into()),
        None => Ok(json!(blocks)),
    }
}

async fn answer(arguments: &[String]) -> Result<Value, Box<dyn Error>> {
    let [url, question, rest @ ..] = arguments else {
        return Err("usage: rust-peer URL find|count|describe|stream|live|publish ...".into());
    };
    let request = Arrakis::new().url(url);
    match (question.as_str(), rest) {
        ("find", [pattern]) => {
            let found = request.pattern(pattern).find().await?;
            Ok(found.iter().map(channel_as_json).collect())
        }
        ("count", [pattern]) => Ok(json!(request.pattern(pattern).count().await?)),
        ("describe", channels) => {
            let described = request.channels(channels).describe().await?;
            Ok(described.values().map(channel_as_json).collect())
        }
        ("stream", [start, end, channels @ ..]) => {
            let request = request
                .channels(channels)
                .start(Time::from_nanos(start.parse()?))
                .end(Time::from_nanos(end.parse()?));
            blocks_of(request, usize::MAX).await
        }
        ("live", [most, channels @ ..]) => {
            blocks_of(request.channels(channels), most.parse()?).await
        }
        ("publish", [publisher_id, start, blocks, channels @ ..]) => {
            // The crate asks the environment which server to publish with.
            std::env::set_var("ARRAKIS_SERVER", url);
            publish(publisher_id, start.parse()?, blocks.parse()?, channels).await
        }
        _ => Err("unknown question".into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let deadline = std::time::Duration::from_secs(60);
    println!("{}", tokio::time::timeout(deadline, answer(&arguments)).await??);
    Ok(())
}

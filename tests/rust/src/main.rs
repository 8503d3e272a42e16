//! rust-peer URL find PATTERN
//! rust-peer URL count PATTERN
//! rust-peer URL describe CHANNEL...
//! rust-peer URL stream START_NS END_NS CHANNEL...
//! rust-peer URL live BLOCKS CHANNEL...
//!
//! Asks a server and prints what came as one JSON document.

use arrakis::data::{Channel, ChannelData, SeriesBlock};
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

async fn answer(arguments: &[String]) -> Result<Value, Box<dyn Error>> {
    let [url, question, rest @ ..] = arguments else {
        return Err("usage: rust-peer URL find|count|describe|stream|live ...".into());
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
